"""The deploy command: its steps, their order, and its failures."""

import json
import re
import sys

import jsonschema
import pytest

from infra.deploy.target import ROOT
from infra.probes.probes import WITH_CREDENTIALS
from tests.deploy.machine import OUTPUTS, PASSWORD, PROJECT, STORE, USER

ELSEWHERE = ("--site", "trial-site", "--region", "europe-west10")


def line(call):
    return " ".join(call.words[:3])


def test_a_deployment_runs_its_commands_in_order(machine):
    code, output = machine.up()
    assert code == 0, output
    assert [line(call) for call in machine.changes] == [
        "pulumi stack select",
        "pulumi config set-all",
        "pulumi config set",
        "pulumi config set",
        "pulumi preview --cwd",
        "pulumi up --yes",
        "gcloud builds submit",
        f"{sys.executable} -m confab.store",
        "pulumi up --yes",
        "firebase deploy --only=hosting",
    ]
    assert output.splitlines()[-1] == "deployed https://a-site.web.app"
    assert output.count("\n$ ") == len(machine.changes)  # each is printed before it runs


def test_a_deployment_ends_with_the_probes_that_need_no_credentials(machine):
    machine.up()
    ((system, skipped),) = machine.probed
    assert (system.web, system.realtime) == ("https://a-site.web.app", ("https://rooms.example",))
    assert skipped == WITH_CREDENTIALS
    machine.deployed_is_well = False
    code, output = machine.up()
    assert code == 1
    assert output.splitlines()[-1] == "FAIL    a part: it is not well. Fix: wait"


def test_the_settings_have_the_programs_names(machine):
    machine.env |= {"SURREALDB_NAMESPACE": "n", "SURREALDB_DATABASE": "d"}
    machine.up("--site", "trial-site", "--region", "europe-west1")
    image = machine.kept.pop("confab:image")
    assert image.startswith(f"europe-west1-docker.pkg.dev/{PROJECT}/confab/realtime:")
    assert machine.kept == {
        "gcp:project": PROJECT,
        "gcp:region": "europe-west1",
        "gcp:userProjectOverride": "true",
        "gcp:billingProject": PROJECT,
        "confab:storeUrl": "wss://db.example",
        "confab:storeNamespace": "n",
        "confab:storeDatabase": "d",
        "confab:storeUser": USER,
        "confab:storePassword": PASSWORD,
        "confab:site": "trial-site",
    }


def test_secrets_go_in_through_standard_input_alone(machine):
    _, output = machine.up()
    secrets = {call.words[4]: call.stdin for call in machine.changes if "--secret" in call.words}
    assert secrets == {"confab:storeUser": USER, "confab:storePassword": PASSWORD}
    assert not any(PASSWORD in " ".join(call.words) for call in machine.asked + machine.changes)
    for secret in (PASSWORD, "a-token-of-gcloud", "a-token-of-the-program"):
        assert secret not in output


def test_hosting_is_released_with_the_stacks_site_and_rewrites(machine):
    assert machine.up()[0] == 0
    config = json.loads(machine.changes[-1].config)
    assert set(config) == {"hosting"}
    assert config["hosting"]["site"] == "a-site"
    assert config["hosting"]["rewrites"] == OUTPUTS["rewrites"]
    schema = json.loads((ROOT / "node_modules/firebase-tools/schema/firebase-config.json").read_text())
    jsonschema.Draft7Validator(schema).validate(config)  # not the schema, whose references are no URIs
    local = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    assert config["hosting"]["headers"] == local["headers"]
    assert config["hosting"]["ignore"] == local["ignore"]


def test_an_image_that_exists_is_not_built_again(machine):
    machine.answer("images describe", 0, "sha256:1")
    assert machine.up()[0] == 0
    assert not [call for call in machine.changes if "builds" in call.words]
    assert len([call for call in machine.changes if "up" in call.words]) == 1


@pytest.mark.parametrize(("command", "count"), [("up", 10), ("destroy", 1)])
def test_a_dry_run_prints_the_commands_and_runs_none_even_while_prerequisites_are_missing(
    machine, command, count
):
    code, printed = machine.run(command, "--dry-run")
    assert (code, machine.changes) == (0, [])
    assert printed.count("\n$ ") == count
    assert printed.count("\n(retried every ") == (3 if command == "up" else 0)
    assert PASSWORD not in printed
    machine.tools.clear()
    machine.answer("gcloud", 127)
    code, output = machine.run(command, "--dry-run")
    assert (code, machine.changes) == (1, [])
    titles, all_titles = (re.findall(r"\n\n(.+)\n\$ ", text) for text in (output, printed))
    assert titles == all_titles
    assert output.splitlines()[-1] == "prerequisites are missing, see above: these commands cannot run yet"


@pytest.mark.parametrize(
    ("part", "printed", "pause"),
    [
        ("pulumi up --yes --skip-preview --cwd", "Error 404: Cannot find metric(s) that match type = x", 60),
        (
            "--skip-preview --target",
            "Pub/Sub API has not been used in project 1 before or it is disabled",
            60,
        ),
        ("builds submit", "Error 403: it does not have storage.objects.get access", 30),
    ],
)
def test_transient_errors_of_a_new_project_are_retried(machine, part, printed, pause):
    machine.answer(part, 255, printed, times=2)
    code, output = machine.up()
    assert code == 0, output
    assert machine.slept == [pause, pause]
    assert output.count("is transient in a new project: retrying in") == 2


@pytest.mark.parametrize(
    ("part", "answer", "message", "retries"),
    [
        ("value(projectNumber)", (1, "no answer"), "the project's number: no answer", 0),
        ("builds submit", (3, "Your build failed"), "image: gcloud ended with 3", 0),
        ("builds submit", (1, "PERMISSION_DENIED"), "image: gcloud ended with 1", 10),
        ("pulumi stack output", (0, "{}"), "the stack production has no outputs: deploy it again", 0),
    ],
)
def test_an_error_that_stays_ends_the_deployment(machine, part, answer, message, retries):
    machine.answer(part, *answer)
    failed, output = machine.up()
    assert (failed, len(machine.slept)) == (1, retries)
    assert f"infra.deploy: {message}" in output
    assert not [call for call in machine.changes if "firebase" in call.words]


@pytest.mark.parametrize(
    ("options", "typed", "confirmed"),
    [((), "", False), ((), "another-project\n", False), ((), f"{PROJECT}\n", True), (("--yes",), "", True)],
)
def test_a_destruction_needs_a_confirmation_and_the_tools(machine, options, typed, confirmed):
    code, output = machine.run("destroy", *options, stdin=typed)
    assert code == (0 if confirmed else 1), output
    assert [call.words[:3] for call in machine.changes] == [("pulumi", "destroy", "--yes")] * confirmed
    assert ("still there" if confirmed else "nothing was destroyed") in output
    machine.tools.discard("pulumi")
    assert machine.run("destroy", *options, stdin=typed)[0] == 1
    assert machine.changes == []


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
    for calls in (machine.asked, machine.changes):  # probes and migrates the stack's store
        (store,) = (call for call in calls if "confab.store" in call.words)
        assert {name: store.env[name] for name in STORE} == STORE


@pytest.mark.parametrize(
    ("options", "env", "line"),
    [
        (("--region", "us-east1"), {}, "the region is europe-west10, not us-east1"),
        (("--site", "other"), {}, "the site is trial-site, not other"),
        ((), {"SURREALDB_DATABASE": "other"}, "the store's database is confab, not other"),
        ((), {"SURREALDB_URL": "wss://x"}, "the store is wss://db.example, not wss://x"),
    ],
)
def test_another_location_than_the_stacks_is_refused_without_move(machine, options, env, line):
    machine.up(*ELSEWHERE)
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
    code, output = machine.run(command, "--move", stdin=f"{PROJECT}\n")
    assert code == 1
    assert "MISSING stack: it belongs to the project another. Fix: " in output
    assert machine.changes == []


def test_a_store_elsewhere_is_neither_probed_nor_migrated(machine):
    machine.answer("confab.store check", 1, "away")
    code, output = machine.up()
    assert code == 1
    assert "MISSING store: away. Fix: start it, or pass --store-elsewhere" in output
    assert machine.up("--store-elsewhere")[0] == 0
    assert not [call for call in machine.asked + machine.changes if "confab.store" in call.words]
