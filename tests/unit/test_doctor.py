import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from confab import config
from infra.deploy import smoke
from infra.doctor import __main__ as doctor
from infra.doctor import report
from infra.doctor.check import ANSWER_S, MEND_DEFECT, Check, Fault, Result, Skip, carry_out, examine


async def healthy():
    return "it is fine"


async def broken():
    raise Fault("it is broken", "replace it")


async def absent():
    raise Skip("there is none")


async def silent():
    await asyncio.sleep(60)


async def defective():
    raise ValueError("why")


def check(look, name="a part"):
    return Check(name, look, "wake it up", 0.05)


def group(*checks):
    @asynccontextmanager
    async def opened():
        yield checks

    return opened


@pytest.mark.parametrize(
    ("look", "status", "seen", "mend"),
    [
        (healthy, "ok", "it is fine", None),
        (broken, "FAIL", "it is broken", "replace it"),
        (absent, "skipped", "there is none", None),
        (silent, "FAIL", "no answer within 0.05 s", "wake it up"),
        (defective, "FAIL", "ValueError: why", MEND_DEFECT),
    ],
)
async def test_a_check_ends_in_a_result_whatever_happens(look, status, seen, mend):
    result = await carry_out(check(look))
    assert (result.status, result.seen, result.mend) == (status, seen, mend)


async def test_a_part_that_gives_up_before_the_deadline_is_not_said_to_have_had_it_all():
    async def impatient():
        raise TimeoutError

    assert (await carry_out(check(impatient))).seen == "no answer in time"


def test_the_doctor_has_the_patience_of_a_deployment():
    assert smoke.ANSWER_S <= ANSWER_S < Check("a part", healthy, "wake it up").deadline_s


async def test_the_checks_after_a_failure_are_made_and_told_in_their_order():
    groups = [group(check(silent, "1"), check(healthy, "2")), group(check(broken, "3"), check(healthy, "4"))]
    results = [(result.check, result.status) async for result in examine(groups)]
    assert results == [("1", "FAIL"), ("2", "ok"), ("3", "FAIL"), ("4", "ok")]


async def test_groups_are_examined_at_the_same_time():
    meeting = asyncio.Barrier(2)

    async def meet():
        await meeting.wait()
        return "they met"

    results = [result.status async for result in examine([group(check(meet)), group(check(meet))])]
    assert results == ["ok", "ok"]


async def test_an_examination_that_is_given_up_closes_what_it_opened():
    closed = []

    @asynccontextmanager
    async def opened():
        try:
            yield [check(healthy), Check("slow", silent, "")]
        finally:
            closed.append(True)

    examination = examine([group(check(healthy)), opened])
    async for _ in examination:
        break
    await asyncio.sleep(0)
    await examination.aclose()
    assert closed == [True]


def test_a_result_is_one_line():
    failed = Result("the store", "FAIL", "it is away", "start it", 12)
    assert report.line(failed) == "FAIL    the store: it is away — to mend it: start it"
    assert report.line(Result("the bus", "ok", "it is there", None, 3)) == "ok      the bus: it is there"


def test_results_are_counted_and_told_to_programs():
    results = [Result("a", "ok", "x", None, 1), Result("b", "skipped", "y", None, 0)]
    assert report.summary(results) == "1 ok, 0 FAIL, 1 skipped"
    assert json.loads(report.document(results)) == {
        "ok": True,
        "checks": [
            {"check": "a", "status": "ok", "seen": "x", "mend": None, "ms": 1},
            {"check": "b", "status": "skipped", "seen": "y", "mend": None, "ms": 0},
        ],
    }
    assert not report.well([*results, Result("c", "FAIL", "z", "mend", 1)])


def test_parts_can_be_left_out(capsys):
    assert doctor.main([word for part in doctor.PARTS for word in ("--skip", part)]) == 0
    assert capsys.readouterr().out == "0 ok, 0 FAIL, 0 skipped\n"


def test_a_wrong_environment_is_told_apart_from_a_sick_system(monkeypatch, capsys):
    monkeypatch.setenv("SURREALDB_URL", "nowhere")
    assert doctor.main([]) == 2
    assert "SURREALDB_URL" in capsys.readouterr().err


def test_without_a_stack_it_examines_nobody_elses(monkeypatch, capsys, tmp_path):
    for name in {field.alias for field in config.Config.model_fields.values()}:
        monkeypatch.delenv(name, raising=False)
    assert doctor.main(["--data", str(tmp_path / "none")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("infra.doctor: no stack runs here")
    assert said.out == ""
