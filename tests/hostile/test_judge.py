"""The judge and the pair's ledger condemn whatever must not happen, and nothing else."""

from collections.abc import Callable

import pytest

from tests.hostile import ledger as module
from tests.hostile.judge import failures
from tests.hostile.ledger import Ledger
from tests.hostile.record import Beside, Memory, Outcome, Record, beside, p99

LIMITS = {"p99_ms": 250.0, "memory_s": 60.0}


def record() -> Record:
    """An attack that did no harm."""
    return Record(
        attack="an attack",
        item=1,
        outcome=Outcome(sent="something", answers={"200": 5, "503 unavailable": 3, "no answer": 1}),
        beside=Beside(
            latencies={kind: [20.0] * 99 + [900.0] for kind in ("ack", "delivery", "get", "post")},
            unready=2,
        ),
        memory={"realtime-1": Memory(100, peak=900, after=160, back_after_s=3.0)},
        errors={"realtime-1": ["an error"]},
    )


HARMS: dict[str, Callable[[Record], object]] = {
    "the pair: delivery p99 250 ms": lambda it: it.beside.latencies["delivery"].extend([250.0] * 5),
    "the pair: no get at all": lambda it: it.beside.latencies.pop("get"),
    "the pair: bob missed 1 entries, 2 times": lambda it: it.beside.problems.extend(
        ["bob missed 1 entries"] * 2
    ),
    "not ready in 2 samples": lambda it: setattr(it, "stays_ready", True),
    "2 answers 500 internal": lambda it: it.outcome.answers.update({"500 internal": 2}),
    "1 answers 503 ?": lambda it: it.outcome.answers.update({"503 ?": 1}),
    "add_message died": lambda it: it.died.append("add_message"),
    "get_conversation held 513 MiB of 512": lambda it: it.memory.update(
        get_conversation=Memory(80, peak=513, after=80, back_after_s=0.0)
    ),
    "realtime-2 holds 300 MiB after 60 s, 100 before": lambda it: it.memory.update(
        {"realtime-2": Memory(100, peak=300, after=300, back_after_s=None)}
    ),
    "realtime-1 logged 1 errors": lambda it: setattr(it, "quiet_logs", True),
    "6,500 errors in an answer": lambda it: it.outcome.failures.append("6,500 errors in an answer"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_the_judge_names_each_harm_and_no_other(harm: str):
    judged = record()
    assert failures(judged, **LIMITS) == []
    HARMS[harm](judged)
    assert failures(judged, **LIMITS) == [harm]


@pytest.mark.parametrize(("values", "found"), [([*range(1, 101)], 99), ([1, 2], 2), ([], 0)])
def test_the_p99_is_a_measured_value(values: list[float], found: float):
    assert p99(values) == found


def test_an_observation_belongs_to_the_attack_in_which_it_began():
    samples = [
        {"at": 9.9, "kind": "ack", "ms": 1.0},
        {"at": 10.0, "kind": "ack", "ms": 2.0},
        {"at": 11.0, "kind": "alive", "ms": 3.0},
        {"at": 12.0, "kind": "unready", "ms": 4.0},
        {"at": 20.0, "kind": "ack", "ms": 5.0},
        {"at": 25.0, "problem": "late, and still its fault"},
        {"at": 30.0, "problem": "another attack's"},
    ]
    seen = beside(samples, 10.0, 20.0, 30.0)
    assert (seen.latencies, seen.alive, seen.unready) == ({"ack": [2.0]}, [3.0], 1)
    assert seen.problems == ["late, and still its fault"]


def entry(seq: int, key: str | None = None, author: str = "alice", **changed: object) -> dict[str, object]:
    key = key or f"pair-{seq}"
    fields = {"seq": seq, "clientMessageId": key, "author": author, "content": f"content of {key}"}
    return fields | changed


NOBODY_WROTE = "bob got an entry that nobody wrote"


@pytest.mark.parametrize(
    ("acknowledged", "entries", "noted"),
    [
        ([], [entry(1), entry(2)], ["delivery", "delivery"]),
        ([], [entry(1), entry(1)], ["delivery", "bob got an entry again or out of order"]),
        ([], [entry(1), entry(3)], ["delivery", "bob missed 1 entries", "delivery"]),
        ([], [entry(1, content="forged")], [NOBODY_WROTE]),
        ([], [entry(1, author="bob")], [NOBODY_WROTE]),
        ([], [entry(1, key="unknown")], [NOBODY_WROTE]),
        (
            [entry(1)],
            [entry(1, key="pair-2")],
            ["delivery", "bob got another entry than was acknowledged"],
        ),
        ([entry(1)], [], ["bob never got 1 entries"]),
    ],
)
async def test_the_ledger_notes_each_delivery_and_each_problem(monkeypatch, acknowledged, entries, noted):
    monkeypatch.setattr(module, "SETTLE_S", 0.0)
    notes: list[dict[str, object]] = []
    ledger = Ledger(("bob",), notes.append)
    for number in range(1, 10):
        ledger.sent(f"pair-{number}", "alice", 0.0)
    for each in acknowledged:
        ledger.stored(each)
    for each in entries:
        ledger.delivered("bob", each)
    await ledger.settle()
    assert [note.get("kind", note.get("problem")) for note in notes] == noted
