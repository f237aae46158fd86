"""What a deployment's stack keeps from one deployment to the next, and where its store is."""

import pytest

from confab.store.users import ROLES
from infra.gcp.names import SCHEMA_JOB
from tests.deploy.machine import PAGE, PASSWORD, PASSWORDS, STORE, USER

ELSEWHERE = ("--site", "trial-site", "--region", "europe-west10")


def test_a_deployment_without_options_keeps_the_stacks_settings(machine):
    machine.env |= {"SURREALDB_NAMESPACE": "ours", "SURREALDB_DATABASE": "restored"}
    assert machine.up(*ELSEWHERE)[0] == 0
    first = dict(machine.kept)
    assert first["gcp:region"] == "europe-west10"
    machine.env.clear()
    code, output = machine.up()
    assert code == 0, output
    assert machine.kept == first
    assert not [call for call in machine.changes if "config" in call.words]
    assert PASSWORD not in output
    stores = [call.env for call in machine.asked + machine.changes if "confab.store" in call.words]
    roles = [*ROLES, "owner"]  # probes the stack's store as each of its users, and migrates it
    assert [env["SURREALDB_USER"] for env in stores] == [f"{USER}_{role}" for role in roles]
    assert [env["SURREALDB_PASSWORD"] for env in stores] == [PASSWORDS[role] for role in roles]
    assert {env["SURREALDB_URL"] for env in stores} == {STORE["SURREALDB_URL"]}


@pytest.mark.parametrize(
    ("options", "env", "line"),
    [
        (("--region", "us-east1"), {}, "the region is europe-west10, not us-east1"),
        (("--site", "other"), {}, "the site is trial-site, not other"),
        (("--page", "other"), {}, f"the page's site is {PAGE}, not other"),
        ((), {"SURREALDB_DATABASE": "other"}, "the store's database is confab, not other"),
        ((), {"SURREALDB_URL": "wss://x"}, "the store is wss://db.example, not wss://x"),
    ],
)
def test_another_location_than_the_stacks_is_refused_without_move(machine, options, env, line):
    machine.up(*ELSEWHERE, "--page")
    before = dict(machine.kept)
    machine.env |= env
    code, output = machine.up(*options)
    assert code == 1
    assert f"MISSING location: {line}. Fix: " in output
    assert machine.kept == before
    assert machine.up(*options, "--move")[0] == 0
    assert machine.kept != before


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_a_stack_of_another_project_is_left_alone(machine, command):
    machine.kept = {"gcp:project": "another"}
    code, output = machine.run(command, "--move", "--yes")
    assert code == 1
    assert "MISSING stack: it belongs to the project another. Fix: " in output
    assert machine.changes == []


def test_by_default_the_deployment_makes_its_store_and_migrates_it_there(machine):
    machine.env.clear()
    code, output = machine.up()
    assert code == 0, output
    assert "machine (1): confab-store\n" in output
    titles = [call.words[:4] for call in machine.changes][-2:]
    execute = ("gcloud", "run", "jobs", "execute")
    assert titles == [("pulumi", "up", "--yes", "--skip-preview"), execute]  # the first time, there is none
    made = {
        name: machine.kept[f"confab:store{name}"]
        for name in ("ViewerPassword", "EditorPassword", "OwnerPassword", "RootPassword")
    }
    assert machine.kept["confab:storeUsers"] == "confab"
    assert len(set(made.values())) == 4
    assert not any(each in output for each in made.values())
    machine.variables["SURREALDB_URL"] = "ws://10.71.64.2:8000"
    assert machine.up()[0] == 0
    assert [call.words[1:3] for call in machine.changes][-3:] == [
        ("up", "--yes"),
        ("run", "jobs"),
        ("up", "--yes"),
    ]
    assert f"**gcp:cloudrunv2/job:Job::{SCHEMA_JOB}" in machine.changes[-3].words
    assert made == {name: machine.kept[f"confab:store{name}"] for name in made}
    system, _ = machine.probed[-1]
    assert not system.store_is_open
    machine.env |= STORE
    code, output = machine.up()
    assert "MISSING location: the store is managed, not wss://db.example. Fix: " in output


def test_a_stack_with_a_store_of_its_operators_gets_a_machine_only_if_that_is_said_twice(machine):
    machine.up()
    machine.env.clear()
    assert machine.up()[0] == 0
    assert "the store is wss://db.example, not managed" in machine.up("--store", "managed")[1]
    assert machine.up("--store", "managed", "--move")[0] == 0
    assert "confab:storeUrl" not in machine.kept
    assert machine.up("--store", "wss://other.example", "--move")[0] == 0
    assert machine.kept["confab:storeUrl"] == "wss://other.example"


def test_a_store_elsewhere_is_neither_probed_nor_migrated(machine):
    machine.answer("confab.store check", 1, "away")
    code, output = machine.up()
    assert code == 1
    assert "MISSING store: away. Fix: start it, or pass --store-elsewhere" in output
    assert machine.up("--store-elsewhere")[0] == 0
    assert not [call for call in machine.asked + machine.changes if "confab.store" in call.words]
