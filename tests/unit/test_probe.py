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


def ending(error: Exception | None = None):
    """A probe's function that ends so, or well."""

    async def look() -> str:
        if error is not None:
            raise error
        return "it is fine"

    return look


async def silent() -> str:
    await asyncio.sleep(60)
    return "at last"


HEALTHY = ending()
BROKEN = ending(Failure("it is broken", "replace it"))
ABSENT = ending(Skipped("there is none"))


def probe(look, name="a part", after=()):
    return Probe(name, look, "wake it up", 0.05, after)


def group(*probes):
    return lambda: nullcontext(probes)


@pytest.mark.parametrize(
    ("look", "status", "seen", "fix"),
    [
        (HEALTHY, "ok", "it is fine", None),
        (BROKEN, "FAIL", "it is broken", "replace it"),
        (ABSENT, "skipped", "there is none", None),
        (silent, "FAIL", "no response within 0.05 s", "wake it up"),
        (ending(TimeoutError()), "FAIL", "no response in time", "wake it up"),  # by its own, shorter timeout
        (ending(ValueError("why")), "FAIL", "ValueError: why", FIX_DEFECT),
    ],
)
async def test_a_probe_always_ends_in_a_result(look, status, seen, fix):
    result = await run_probe(probe(look))
    assert (result.status, result.seen, result.fix) == (status, seen, fix)


async def test_a_failure_ends_no_other_probe_but_skips_those_that_need_it_and_results_keep_their_order():
    slow = group(probe(silent, "1"), probe(HEALTHY, "2", ("1",)), probe(HEALTHY, "3", ("2",)))
    other = group(probe(ABSENT, "4"), probe(HEALTHY, "5", ("4",)), probe(HEALTHY, "6"))
    results = [(result.name, result.status, result.seen) async for result in run([slow, other])]
    assert results == [
        ("1", "FAIL", "no response within 0.05 s"),
        ("2", "skipped", "needs 1"),
        ("3", "skipped", "needs 2"),
        ("4", "skipped", "there is none"),
        ("5", "skipped", "needs 4"),
        ("6", "ok", "it is fine"),
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
            yield [probe(HEALTHY, "1"), Probe("slow", silent, "")]
        finally:
            closed.append(True)

    results = run([opened])
    async with asyncio.timeout(5):
        assert (await anext(results)).name == "1"
    await results.aclose()
    assert closed == [True]


@pytest.mark.parametrize(("failures", "status"), [(2, "ok"), (100, "FAIL")])
async def test_a_failure_is_repeated_until_patience_runs_out(monkeypatch, failures, status):
    monkeypatch.setattr(framework, "PAUSE_S", 0.01)
    left = failures

    async def late():
        nonlocal left
        left -= 1
        return await (BROKEN() if left >= 0 else HEALTHY())

    (result,) = [result async for result in run([group(probe(late))], patience_s=0.2)]
    assert result.status == status
    assert left < failures - 2


@pytest.mark.parametrize(
    ("status", "seen", "fix", "line"),
    [
        ("FAIL", "it is away", "start it", "MISSING a part: it is away. Fix: start it"),
        ("FAIL", "Logged in?", "log in", "MISSING a part: Logged in? Fix: log in"),
        ("ok", "it is there", None, "ok      a part: it is there"),
        ("ok", "", None, "ok      a part"),
    ],
)
def test_a_result_is_one_line(status, seen, fix, line):
    assert Result("a part", status, seen, fix, 3).line("MISSING") == line


def test_results_are_printed_unless_quiet_counted_and_serialized(capsys):
    results = run_all([group(probe(HEALTHY, "1"), probe(BROKEN, "2"))])
    printed = "ok      1: it is fine\nFAIL    2: it is broken. Fix: replace it\n"
    assert capsys.readouterr().out == printed
    assert summary(results) == "1 ok, 1 FAIL, 0 skipped"
    ok, failed = ({"name": name, "ms": 0} for name in "12")
    ok |= {"status": "ok", "seen": "it is fine", "fix": None}
    failed |= {"status": "FAIL", "seen": "it is broken", "fix": "replace it"}
    assert json.loads(document(results)) == {"ok": False, "probes": [ok, failed]}
    assert passed(run_all([group(probe(HEALTHY), probe(ABSENT))], quiet=True))
    assert capsys.readouterr().out == ""
