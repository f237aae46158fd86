"""A run condemns whatever must not happen, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.hostile import pair
from tests.hostile.attacks import ATTACKS, MODULES
from tests.hostile.attempt import Outcome
from tests.hostile.pair import ALICE, BOB, Ledger
from tests.hostile.record import KINDS, Limits, Memory, Record


def be_unnoticed(judged: Record) -> None:
    judged.attack, judged.quiet = replace(judged.attack, unnoticed=True), record()
    judged.latencies["ack"].extend([60.0] * 5)


def record() -> Record:
    """An attack that did no harm."""
    return Record(
        ATTACKS["connect-bomb"],
        Outcome(sent="something", answers={"200": 5, "503 unavailable": 3, "no answer": 1}),
        latencies={kind: [20.0] * 99 + [900.0] for kind in KINDS},
        unready=2,
        memory={"realtime-1": Memory(100, peak=900, after=160)},
        errors={"realtime-1": 1},
    )


HARMS: dict[str, Callable[[Record], object]] = {
    "the pair: delivery p99 250 ms": lambda it: it.latencies["delivery"].extend([250.0] * 5),
    "the pair: ack p99 60 ms": be_unnoticed,
    "the pair: no get at all": lambda it: it.latencies.pop("get"),
    "the pair: bob received resync, 2 times": lambda it: it.problems.extend(["bob received resync"] * 2),
    "not ready in 2 samples": lambda it: setattr(it, "attack", replace(it.attack, stays_ready=True)),
    "2 answers 500 internal": lambda it: it.outcome.answers.update({"500 internal": 2}),
    "1 answers 503 ?": lambda it: it.outcome.answers.update({"503 ?": 1}),
    "add_message died": lambda it: it.died.append("add_message"),
    "get_conversation held 513 MiB of 512": lambda it: it.memory.update(
        get_conversation=Memory(80, peak=513, after=80)
    ),
    "realtime-1 holds 300 MiB after 60 s, 100 before": lambda it: setattr(
        it.memory["realtime-1"], "after", 300
    ),
    "realtime-1 grew by 800 MiB of 700": lambda it: setattr(it.outcome, "growth_mib", 700),
    "realtime-1 logged 1 errors": lambda it: setattr(it, "attack", replace(it.attack, quiet_logs=True)),
    "6,500 errors in an answer": lambda it: it.outcome.failures.append("6,500 errors in an answer"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_the_judge_names_each_harm_and_no_other(harm):
    judged = record()
    assert judged.failures(Limits()) == []
    HARMS[harm](judged)
    assert judged.failures(Limits()) == [harm]


def test_an_observation_belongs_to_the_attack_in_which_it_began():
    seen = Record(ATTACKS["connect-bomb"], start=10.0, end=20.0)
    samples = [{"at": at, "kind": "ack", "ms": at} for at in (9.9, 10.0, 19.9, 20.0)]
    samples += [{"at": at, "problem": f"at {at}"} for at in (9.9, 10.0, 29.9, 30.0)]
    seen.observe([*samples, {"at": 12.0, "kind": "unready", "ms": 4.0}], until=30.0)
    assert (seen.latencies, seen.unready) == ({"ack": [10.0, 19.9]}, 1)
    assert seen.problems == ["at 10.0", "at 29.9"]


def entry(seq: int, key: str | None = None, author: str = ALICE, **changed: object) -> dict[str, object]:
    key = key or f"pair-{seq}"
    fields = {"seq": seq, "clientMessageId": key, "author": author, "content": f"content of {key}"}
    return fields | changed


GAP, UNWRITTEN = "bob got another entry than the next one", "bob got an entry that nobody wrote"


@pytest.mark.parametrize(
    ("acknowledged", "entries", "noted"),
    [
        ([], [entry(1), entry(2)], ["delivery", "delivery"]),
        ([], [entry(1), entry(1)], ["delivery", GAP, "delivery"]),
        ([], [entry(1), entry(3)], ["delivery", GAP, "delivery"]),
        ([], [entry(1, content="forged")], [UNWRITTEN]),
        ([], [entry(1, author=BOB)], [UNWRITTEN]),
        ([], [entry(1, key="unknown")], [UNWRITTEN]),
        ([entry(1)], [entry(1, key="pair-2")], ["bob got another entry than was acknowledged"]),
        ([entry(1)], [], ["bob never got 1 entries"]),
    ],
)
async def test_the_ledger_notes_each_delivery_and_each_problem(
    monkeypatch, capsys, acknowledged, entries, noted
):
    monkeypatch.setattr(pair, "SETTLE_S", 0.0)
    ledger = Ledger()
    for _ in range(9):
        ledger.draft(ALICE)
    ledger.seen[ALICE] = 9
    for each in acknowledged:
        ledger.acknowledged(each)
    for each in entries:
        ledger.delivered(BOB, each)
    await ledger.settle()
    notes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [note.get("kind", note.get("problem")) for note in notes] == noted


def test_the_attacks_have_names_of_their_own():
    assert len(ATTACKS) == sum(len(module.ATTACKS) for module in MODULES)
