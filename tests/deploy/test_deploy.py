"""The deploy command: what it runs, in which order, and what it does when something fails."""

import json
import os
import re
import subprocess
import sys

import jsonschema
import pytest

from confab.http.routes import ROUTES
from infra.deploy.target import ROOT
from tests.deploy.machine import PASSWORD, PROJECT, USER


def test_a_deployment_runs_its_commands_in_order(site):
    code, output = site.up()
    assert code == 0, output
    assert [" ".join(call["words"][:3]) for call in site.tools.changes()] == [
        "pulumi stack select",
        "pulumi config set-all",
        "pulumi config set",
        "pulumi config set",
        "pulumi preview --cwd",
        "pulumi up --yes",
        "gcloud builds submit",
        "pulumi up --yes",
        "firebase deploy --only=hosting",
    ]
    assert output.splitlines()[-1] == f"deployed {site.cloud.url}"
    asked = {f"{route.method} {route.path.replace('{id}', 'smoke')}" for route in ROUTES}
    assert set(site.cloud.asked) == asked


def test_every_command_that_changes_something_is_printed_first(site):
    _, output = site.up()
    printed = [line for line in output.splitlines() if line.startswith("$ ")]
    assert len(printed) == len(site.tools.changes())


def test_settings_have_the_names_that_the_program_reads(site):
    site.up("--site", "trial-site", "--region", "europe-west1")
    plain = next(call for call in site.tools.changes() if "set-all" in call["words"])["words"]
    settings = dict(word.split("=", 1) for word in plain if ":" in word)
    assert set(settings) <= site.tools.kept().keys()
    image = settings.pop("confab:image")
    assert image.startswith(f"europe-west1-docker.pkg.dev/{PROJECT}/confab/realtime:")
    assert settings == {
        "gcp:project": PROJECT,
        "gcp:region": "europe-west1",
        "gcp:userProjectOverride": "true",
        "gcp:billingProject": PROJECT,
        "confab:storeUrl": "wss://db.example",
        "confab:storeNamespace": "confab",
        "confab:storeDatabase": "confab",
        "confab:site": "trial-site",
    }


def test_secrets_are_handed_over_unseen(site):
    _, output = site.up()
    secrets = {
        call["words"][4]: call["stdin"] for call in site.tools.changes() if "--secret" in call["words"]
    }
    assert secrets == {"confab:storeUser": USER, "confab:storePassword": PASSWORD}
    assert PASSWORD not in output
    assert not any(PASSWORD in " ".join(call["words"]) for call in site.tools.calls())
    assert "a-token-of-gcloud" not in output


def test_hosting_is_released_as_the_stack_says(site):
    assert site.up()[0] == 0
    config = json.loads(site.tools.changes()[-1]["config"])
    assert set(config) == {"hosting"}
    assert config["hosting"]["site"] == "a-site"
    assert config["hosting"]["rewrites"] == site.cloud.outputs()["rewrites"]
    schema = json.loads((ROOT / "node_modules/firebase-tools/schema/firebase-config.json").read_text())
    jsonschema.Draft7Validator(schema).validate(config)  # not the schema, whose references are no URIs
    local = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    assert config["hosting"]["headers"] == local["headers"]
    assert config["hosting"]["ignore"] == local["ignore"]


def test_an_image_that_is_there_is_not_built_again(site):
    site.tools.answer("images describe", 0, "sha256:1")
    code, _ = site.up()
    assert code == 0
    assert not [call for call in site.tools.changes() if "builds" in call["words"]]
    assert len([call for call in site.tools.changes() if "up" in call["words"]]) == 1


def test_a_project_without_a_number_is_not_built_for(site):
    site.tools.answer("value(projectNumber)", 1, "no answer")
    code, output = site.up()
    assert code == 1
    assert "infra.deploy: the project's number: no answer" in output
    assert site.tools.changes() == []


def test_a_dry_run_prints_the_plan_and_changes_nothing(site):
    code, output = site.up("--dry-run")
    assert code == 0
    assert site.tools.changes() == []
    assert len([line for line in output.splitlines() if line.startswith("$ ")]) == 9
    again = [line for line in output.splitlines() if line.startswith("(again every ")]
    assert len(again) == 3
    assert "Cannot find metric" in again[-1]
    assert PASSWORD not in output


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_a_dry_run_prints_the_plan_although_something_is_missing(site, command):
    _, planned = site.run(command, "--dry-run", "--store-elsewhere")
    site.env = {"PATH": "", **{name: site.env[name] for name in site.env if name.startswith("SURREALDB_")}}
    code, output = site.run(command, "--dry-run", "--store-elsewhere")
    assert code == 1
    assert "MISSING  pulumi: is not on the PATH" in output
    titles, all_titles = (re.findall(r"\n\n(.+)\n\$ ", said) for said in (output, planned))
    assert titles == all_titles
    assert output.splitlines()[-1] == "something is missing, as said above: none of this can be run yet"


@pytest.mark.parametrize(
    ("part", "said", "pause"),
    [
        (
            "pulumi up --yes --skip-preview --cwd",
            'Error 404: Cannot find metric(s) that match type = "logging.googleapis.com/user/confab_defects"',
            60,
        ),
        (
            "pulumi up --yes --skip-preview --target",
            "Pub/Sub API has not been used in project 1 before or it is disabled",
            60,
        ),
        (
            "builds submit",
            "could not resolve source: googleapi: Error 403: it does not have storage.objects.get access",
            30,
        ),
    ],
)
def test_what_passes_by_itself_in_a_new_project_is_tried_again(site, part, said, pause):
    site.tools.answer(part, 255, said, times=2)
    code, output = site.up()
    assert code == 0, output
    assert site.slept == [pause, pause]
    assert output.count("passes by itself in a new project: again in") == 2


def test_what_does_not_pass_ends_the_deployment_in_the_end(site):
    site.tools.answer("builds submit", 1, "PERMISSION_DENIED")
    code, output = site.up()
    assert code == 1
    assert len(site.slept) == 10
    assert "infra.deploy: the image: gcloud ended with 1" in output
    site.slept.clear()
    site.tools.answer("builds submit", 1, "Your build failed")
    assert site.up()[0] == 1
    assert site.slept == []


def test_what_follows_a_command_that_fails_is_not_run(site):
    site.tools.answer("builds submit", 3)
    code, output = site.up()
    assert code == 1
    assert "infra.deploy: the image: gcloud ended with 3" in output
    assert "builds" in site.tools.changes()[-1]["words"]


@pytest.mark.parametrize("typed", ["", "another-project\n"])
def test_nothing_is_destroyed_unless_somebody_says_so(site, typed):
    code, output = site.run("destroy", stdin=typed)
    assert code == 1
    assert "nothing was destroyed" in output
    assert site.tools.changes() == []


@pytest.mark.parametrize(("options", "typed"), [((), f"{PROJECT}\n"), (("--yes",), "")])
def test_what_is_destroyed_is_what_was_deployed(site, options, typed):
    code, output = site.run("destroy", *options, stdin=typed)
    assert code == 0, output
    (call,) = site.tools.changes()
    assert call["words"][:3] == ["pulumi", "destroy", "--yes"]
    assert "still there" in output


@pytest.mark.parametrize("arguments", [[], ["check"], ["up"], ["destroy"]])
def test_everything_is_explained(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "infra.deploy", *arguments, "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "functions"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ("--project" in done.stdout) == bool(arguments)
