"""A proof: refused unless the project is empty, destroyed whatever happens, and written down."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from infra.deploy import prove
from infra.deploy.project import APIS, PAGE_APIS
from infra.deploy.proof import cost, page
from infra.deploy.target import Target
from infra.probes.probe import Result
from tests.deploy.machine import PAGE, PROJECT, Machine
from tests.deploy.test_hosting import OURS, live

SEEN = [
    Result("route add_message", "ok", "401 without a token, after 31 ms", None, 31),
    Result("one socket's room", "ok", "62.0 minutes, joined again 1 times", None, 3_720_000),
]
ITS = "nothing of Confab's: the project"
TARGET = Target(PROJECT, "europe-west1", "prove", None, {})
DESTROYED = ["destroy", "disks", "hosting:disable", "stack"]


@pytest.fixture
def empty(machine: Machine) -> Machine:
    """Every prerequisite of a proof is met."""
    machine.answer("--format=value(email)", 0, "")
    for command in prove.LISTS.values():
        machine.answer(command, 0, "")
    return machine


def proven(machine: Machine, *options: str, stdin: str = "", measured=SEEN) -> tuple[int, str]:
    def measure(*_):
        if isinstance(measured, BaseException):
            raise measured
        machine.live[PAGE] = 200, live(OURS)
        return measured

    with patch.object(prove, "measure", measure), patch.object(prove, "PROOFS", machine.root / "proof"):
        return machine.run("prove", *options, stdin=stdin)


def destroyed(machine: Machine) -> list[str]:
    """What was destroyed, in order, by a word of its command."""
    lines = [" ".join(call.words) for call in machine.changes]
    return [word for line in lines for word in DESTROYED if f" {word} " in line and "select" not in line]


def test_a_proof_deploys_measures_destroys_and_writes_its_page(empty):
    code, printed = proven(empty, "--yes")
    assert code == 0, printed
    assert empty.kept["confab:cells"] == prove.CELLS["confab:cells"]
    assert (empty.kept["confab:page"], empty.kept.get("confab:storeUrl")) == (PAGE, None)
    assert destroyed(empty) == DESTROYED
    assert all(
        "prove" in call.words
        for call in empty.changes
        if call.words[0] == "pulumi" and "select" not in call.words
    )
    (file,) = (empty.root / "proof").iterdir()
    text = file.read_text()
    assert "Everything held: 2 ok, 0 FAIL, 0 skipped." in text
    assert "| one socket's room | ok | 62.0 minutes, joined again 1 times | 3720000 |" in text
    assert text.endswith("- nothing\n")


@pytest.mark.parametrize(
    ("command", "found", "line"),
    [
        *((command, "confab-x", f"{ITS} has confab-x") for command in prove.LISTS.values()),
        (None, {PAGE: (200, live(OURS))}, f"nothing of Confab's: {PAGE} serves Confab"),
        (None, {"gcp:project": PROJECT}, "nothing of Confab's: the stack prove has settings"),
    ],
)
def test_a_project_that_is_not_empty_is_refused(empty, command, found, line):
    if command is not None:
        enabled = {f"{api}.googleapis.com" for api in prove.LISTS}.union(APIS, PAGE_APIS)
        empty.answer("services list --enabled", 0, "\n".join(enabled))
        empty.answer(command, 0, found)
    elif "gcp:project" in found:
        empty.kept = found
    else:
        empty.live |= found
    code, printed = proven(empty, "--yes")
    assert code == 1
    assert f"MISSING {line}" in printed
    assert empty.changes == []


@pytest.mark.parametrize(
    ("stdin", "code"), [("", 1), ("yes\n", 1), (f"{PROJECT}\n", 0)], ids=["nothing", "yes", "the id"]
)
def test_a_proof_says_what_it_costs_and_asks_for_the_projects_id(empty, stdin, code):
    found, printed = proven(empty, stdin=stdin)
    assert found == code, printed
    assert "Destroyed after some 2 hours, which cost $" in printed
    assert bool(empty.changes) == (code == 0)


def test_a_dry_run_prints_the_whole_plan_and_needs_no_tool(machine):
    machine.tools.clear()
    for tool in ("gcloud", "pulumi", "firebase"):
        machine.answer(tool, 127, "No such file")
    code, printed = proven(machine, "--dry-run")
    assert (code, machine.changes) == (0, [])
    for part in (
        "function (17)",
        "confab:cells=",
        "jobs execute",
        "pulumi destroy --yes",
        "disks delete confab-store",
    ):
        assert part in printed


def test_whatever_ends_the_measurement_everything_is_destroyed(empty):
    with pytest.raises(RuntimeError):
        proven(empty, "--yes", measured=RuntimeError("a defect"))
    assert destroyed(empty) == DESTROYED
    empty.kept = None
    assert proven(empty, "--yes", measured=KeyboardInterrupt())[0] == 130
    assert destroyed(empty) == DESTROYED


def test_a_deployment_that_fails_is_destroyed_and_leaves_no_page(empty):
    empty.answer("builds submit", 3, "Your build failed")
    empty.answer("disks delete", 1, "The resource 'confab-store' was not found")
    code, printed = proven(empty, "--yes")
    assert code == 1
    assert "infra.deploy: image: gcloud ended with 3" in printed
    assert destroyed(empty) == DESTROYED
    assert "NOT DESTROYED" not in printed
    assert not (empty.root / "proof").exists()


def test_what_cannot_be_destroyed_is_said_with_its_command_and_the_rest_is_destroyed(empty):
    empty.answer("pulumi destroy", 1, "error: a service is in use")
    code, printed = proven(empty, "--yes")
    assert code == 1
    assert destroyed(empty) == DESTROYED
    assert "NOT DESTROYED, so it may cost money: everything in the cloud: " in printed
    assert f"gcloud projects delete {PROJECT}" in printed
    (file,) = (empty.root / "proof").iterdir()
    assert "- everything in the cloud: " in file.read_text()


def test_the_page_has_the_figures_and_the_hours_cost():
    began = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
    failed = Result("two instances", "FAIL", "20 were sent | 19 arrived", "a defect", 900)
    text = page(TARGET, "abc", (began, began + timedelta(hours=2)), [*SEEN, failed], [])
    assert text.startswith("# Proof of 2026-11-27\n\n**Not everything held**: 2 ok, 1 FAIL, 0 skipped.\n")
    assert "| two instances | FAIL | 20 were sent \\| 19 arrived | 900 |" in text
    assert "2026-11-27 09:30 UTC" in text
    assert "2.0 hours.\n- They cost $0." in text
    assert 0 < cost(1) < cost(2) < 2
