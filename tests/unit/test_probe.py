import asyncio
import json
from contextlib import asynccontextmanager, nullcontext

import pytest

from confab import config
from infra.probes import __main__ as doctor
from infra.probes import probe as framework
from infra.probes.probe import (
    FIX_DEFECT,
    RESPONSE_S,
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
from infra.probes.probes import PARTS


async def healthy():
    return "it is fine"


async def broken():
    raise Failure("it is broken", "replace it")


async def absent():
    raise Skipped("there is none")


async def silent():
    await asyncio.sleep(60)


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
        (defective, "FAIL", "ValueError: why", FIX_DEFECT),
    ],
)
async def test_a_probe_ends_in_a_result_whatever_happens(look, status, seen, fix):
    result = await run_probe(probe(look))
    assert (result.status, result.seen, result.fix) == (status, seen, fix)


async def test_a_part_that_gives_up_before_the_deadline_is_not_said_to_have_had_it_all():
    async def impatient():
        raise TimeoutError

    assert (await run_probe(probe(impatient))).seen == "no response in time"


def test_a_probe_waits_longer_than_a_request():
    assert Probe("a part", healthy, "wake it up").deadline_s > RESPONSE_S


async def test_the_probes_after_a_failure_run_and_results_come_in_their_order():
    groups = [group(probe(silent, "1"), probe(healthy, "2")), group(probe(broken, "3"), probe(healthy, "4"))]
    results = [(result.name, result.status) async for result in run(groups)]
    assert results == [("1", "FAIL"), ("2", "ok"), ("3", "FAIL"), ("4", "ok")]


async def test_a_probe_after_one_that_is_not_ok_is_skipped():
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

    async def meet():
        await meeting.wait()
        return "they met"

    results = [result.status async for result in run([group(probe(meet)), group(probe(meet))])]
    assert results == ["ok", "ok"]


async def test_a_result_is_there_before_the_group_has_ended():
    results = run([group(probe(healthy, "1"), Probe("slow", silent, ""))])
    async with asyncio.timeout(5):
        assert (await anext(results)).name == "1"
    await results.aclose()


async def test_a_run_that_is_given_up_closes_what_it_opened():
    closed = []

    @asynccontextmanager
    async def opened():
        try:
            yield [probe(healthy), Probe("slow", silent, "")]
        finally:
            closed.append(True)

    results = run([group(probe(healthy)), opened])
    async for _ in results:
        break
    await asyncio.sleep(0)
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
async def test_a_failure_is_repeated_as_long_as_there_is_patience(monkeypatch, failures, status):
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


def test_results_are_printed_unless_it_shall_be_quiet(capsys):
    assert passed(run_all([group(probe(healthy, "1"), probe(absent, "2"))]))
    assert capsys.readouterr().out == "ok      1: it is fine\nskipped 2: there is none\n"
    assert not passed(run_all([group(probe(broken))], quiet=True))
    assert capsys.readouterr().out == ""


def test_results_are_counted_and_given_to_programs():
    results = [Result("a", "ok", "x", None, 1), Result("b", "skipped", "y", None, 0)]
    assert summary(results) == "1 ok, 0 FAIL, 1 skipped"
    assert json.loads(document(results)) == {
        "ok": True,
        "probes": [
            {"name": "a", "status": "ok", "seen": "x", "fix": None, "ms": 1},
            {"name": "b", "status": "skipped", "seen": "y", "fix": None, "ms": 0},
        ],
    }
    assert not passed([*results, Result("c", "FAIL", "z", "fix", 1)])


def test_parts_can_be_left_out(capsys):
    assert doctor.main([word for part in PARTS for word in ("--skip", part)]) == 0
    assert capsys.readouterr().out == "0 ok, 0 FAIL, 0 skipped\n"


def test_a_wrong_environment_has_another_exit_code_than_a_failure(monkeypatch, capsys):
    monkeypatch.setenv("SURREALDB_URL", "nowhere")
    assert doctor.main([]) == 2
    assert "SURREALDB_URL" in capsys.readouterr().err


def test_without_a_stack_no_other_is_probed(monkeypatch, capsys, tmp_path):
    for name in {field.alias for field in config.Config.model_fields.values()}:
        monkeypatch.delenv(name, raising=False)
    assert doctor.main(["--data", str(tmp_path / "none")]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("infra.probes: no stack runs here")
    assert printed.out == ""
