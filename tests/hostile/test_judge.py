"""The judge condemns whatever must not happen, and nothing else."""

import pytest

from tests.hostile.judge import failures
from tests.hostile.record import Beside, Memory, Outcome, Record, beside, p99

LIMITS = {"p99_ms": 250.0, "memory_s": 60.0}


def record() -> Record:
    """An attack that did no harm."""
    return Record(
        attack="an attack",
        item=1,
        outcome=Outcome(sent="something", answers={"200": 5, "503 unavailable": 3, "no answer": 1}),
        beside=Beside(latencies={kind: [20.0] * 99 + [900.0] for kind in ("ack", "delivery", "get", "post")}),
        memory={"realtime-1": Memory(100, peak=900, after=160, back_after_s=3.0)},
        errors={"realtime-1": ["an error"]},
    )


def test_an_attack_that_did_no_harm_is_let_go():
    assert failures(record(), **LIMITS) == []


def slow(spoiled: Record) -> None:
    spoiled.beside.latencies["delivery"] += [250.0] * 5


def silent(spoiled: Record) -> None:
    del spoiled.beside.latencies["get"]


def lossy(spoiled: Record) -> None:
    spoiled.beside.problems += ["bob missed 1 entries"] * 2


def unready(spoiled: Record) -> None:
    spoiled.stays_ready, spoiled.beside.unready = True, 2


def internal(spoiled: Record) -> None:
    spoiled.outcome.answers["500 internal"] = 2


def unavailable_without_a_problem(spoiled: Record) -> None:
    spoiled.outcome.answers["503 ?"] = 1


def dead(spoiled: Record) -> None:
    spoiled.died.append("add_message")


def over_its_limit(spoiled: Record) -> None:
    spoiled.memory["get_conversation"] = Memory(80, peak=513, after=80, back_after_s=0.0)


def kept(spoiled: Record) -> None:
    spoiled.memory["realtime-2"] = Memory(100, peak=300, after=300, back_after_s=None)


def alarmed(spoiled: Record) -> None:
    spoiled.quiet_logs = True


def own_rule(spoiled: Record) -> None:
    spoiled.outcome.failures.append("6,500 errors in an answer")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (slow, "the pair: delivery p99 250 ms"),
        (silent, "the pair: no get at all"),
        (lossy, "the pair: bob missed 1 entries, 2 times"),
        (unready, "not ready in 2 samples"),
        (internal, "2 answers 500 internal"),
        (unavailable_without_a_problem, "1 answers 503 ?"),
        (dead, "add_message died"),
        (over_its_limit, "get_conversation held 513 MiB of 512"),
        (kept, "realtime-2 holds 300 MiB after 60 s, 100 before"),
        (alarmed, "realtime-1 logged 1 errors"),
        (own_rule, "6,500 errors in an answer"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_harm_is_told(spoil, told):
    spoiled = record()
    spoil(spoiled)
    assert failures(spoiled, **LIMITS) == [told]


def test_readiness_counts_only_where_it_must_stay():
    lenient = record()
    lenient.beside.unready = 2
    assert failures(lenient, **LIMITS) == []


def test_the_p99_is_a_value_that_was_measured():
    assert p99([float(n) for n in range(1, 101)]) == 99
    assert p99([1.0, 2.0]) == 2
    assert p99([]) == 0


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
