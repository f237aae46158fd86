import asyncio
import json
from contextlib import asynccontextmanager, nullcontext

import pytest

from infra.probes import probe as framework
from infra.probes.probe import (
    FIX_DEFECT,
    Failure,
    Probe,
    Result,
    Skipped,
    document,
    passed,
    run,
    run_all,
    run_probe,
    summary,
)


async def healthy():
    return "it is fine"


async def broken():
    raise Failure("it is broken", "replace it")


async def absent():
    raise Skipped("there is none")


async def silent():
    await asyncio.sleep(60)


async def impatient():
    raise TimeoutError


async def defective():
    raise ValueError("why")


def probe(look, name="a part", after=()):
    return Probe(name, look, "wake it up", 0.05, after)


def group(*probes):
    return lambda: nullcontext(probes)


@pytest.mark.parametrize(
    ("look", "status", "seen", "fix"),
    [
        (healthy, "ok", "it is fine", None),
        (broken, "FAIL", "it is broken", "replace it"),
        (absent, "skipped", "there is none", None),
        (silent, "FAIL", "no response within 0.05 s", "wake it up"),
        (impatient, "FAIL", "no response in time", "wake it up"),  # by its own, shorter timeout
        (defective, "FAIL", "ValueError: why", FIX_DEFECT),
    ],
)
async def test_a_probe_always_ends_in_a_result(look, status, seen, fix):
    result = await run_probe(probe(look))
    assert (result.status, result.seen, result.fix) == (status, seen, fix)


async def test_a_failure_ends_no_other_probe_and_results_keep_their_order():
    groups = [group(probe(silent, "1"), probe(healthy, "2")), group(probe(broken, "3"), probe(healthy, "4"))]
    results = [(result.name, result.status) async for result in run(groups)]
    assert results == [("1", "FAIL"), ("2", "ok"), ("3", "FAIL"), ("4", "ok")]


async def test_a_probe_is_skipped_unless_those_before_it_are_ok():
    looks = [broken, healthy, healthy, absent, healthy]
    after = [(), ("1",), ("2",), (), ("4",)]
    probes = [probe(looks[n], str(n + 1), after[n]) for n in range(5)]
    results = [(result.status, result.seen) async for result in run([group(*probes)])]
    assert results == [
        ("FAIL", "it is broken"),
        ("skipped", "needs 1"),
        ("skipped", "needs 2"),
        ("skipped", "there is none"),
        ("skipped", "needs 4"),
    ]


async def test_groups_run_concurrently():
    meeting = asyncio.Barrier(2)

    async def arrive():
        await meeting.wait()
        return "both arrived"

    results = [result.status async for result in run([group(probe(arrive)), group(probe(arrive))])]
    assert results == ["ok", "ok"]


async def test_results_arrive_before_their_group_ends_and_an_abandoned_run_closes_its_groups():
    closed = []

    @asynccontextmanager
    async def opened():
        try:
            yield [probe(healthy, "1"), Probe("slow", silent, "")]
        finally:
            closed.append(True)

    results = run([opened])
    async with asyncio.timeout(5):
        assert (await anext(results)).name == "1"
    await results.aclose()
    assert closed == [True]


async def test_a_group_that_cannot_be_opened_is_a_defect():
    @asynccontextmanager
    async def defect():
        raise ValueError("why")
        yield []

    with pytest.raises(ValueError, match="why"):
        async for _ in run([defect]):
            pass


@pytest.mark.parametrize(("failures", "status"), [(2, "ok"), (100, "FAIL")])
async def test_a_failure_is_repeated_until_patience_runs_out(monkeypatch, failures, status):
    monkeypatch.setattr(framework, "PAUSE_S", 0.01)
    left = failures

    async def late():
        nonlocal left
        left -= 1
        return await (broken() if left >= 0 else healthy())

    (result,) = [result async for result in run([group(probe(late))], patience_s=0.2)]
    assert result.status == status
    assert left < failures - 2


def test_a_result_is_one_line():
    failed = Result("the store", "FAIL", "it is away", "start it", 12)
    assert failed.line() == "FAIL    the store: it is away. Fix: start it"
    assert failed.line("MISSING") == "MISSING the store: it is away. Fix: start it"
    assert Result("the bus", "ok", "it is there", None, 3).line("MISSING") == "ok      the bus: it is there"
    assert Result("the bus", "ok", "", None, 3).line() == "ok      the bus"
    assert Result("a", "FAIL", "Logged in?", "log in", 3).line() == "FAIL    a: Logged in? Fix: log in"


def test_results_are_printed_unless_quiet_counted_and_serialized(capsys):
    results = run_all([group(probe(healthy, "1"), probe(absent, "2"))])
    assert capsys.readouterr().out == "ok      1: it is fine\nskipped 2: there is none\n"
    assert summary(results) == "1 ok, 0 FAIL, 1 skipped"
    one, two = ({"name": name, "fix": None, "ms": 0} for name in "12")
    probes = [
        one | {"status": "ok", "seen": "it is fine"},
        two | {"status": "skipped", "seen": "there is none"},
    ]
    assert json.loads(document(results)) == {"ok": True, "probes": probes}
    assert not passed(run_all([group(probe(broken))], quiet=True))
    assert capsys.readouterr().out == ""
