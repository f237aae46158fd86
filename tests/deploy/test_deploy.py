"""The deploy command: what it looks at, what it runs, and that it touches nothing before all is there."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import jsonschema
import pytest

from confab.operations.routes import ROUTES, rewrites
from infra.deploy import needs, smoke
from infra.deploy.__main__ import main
from infra.deploy.needs import APIS
from infra.deploy.permissions import OVERRIDE
from infra.deploy.target import ROOT
from tests.deploy.fakes import GOOD, REFUSAL, Cloud, Tools

USER, PASSWORD = "keeper", "never to be seen"
PROJECT = "confab-trial"


class Site:
    """An operator's machine and the cloud, all in order; a test spoils something."""

    def __init__(self, folder: Path, cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
        self.cloud = cloud
        self.packages = [Path("pulumi_gcp")]
        self._capfd = capfd
        self.tools = Tools(folder, GOOD)
        self.tools.answer("gcloud services list", 0, "\n".join(APIS))
        outputs = {"webUrl": cloud.url, "realtimeUrls": [cloud.realtime]}
        self.tools.answer("pulumi stack output", 0, json.dumps(outputs))
        self.env = {
            "PATH": str(self.tools.path),
            "SURREALDB_URL": "wss://db.example",
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            OVERRIDE: f"{cloud.url}/",
        }

    def run(self, command: str, *options: str, stdin: str = "") -> tuple[int, str]:
        """The exit code, and all that was printed."""
        with (
            patch.dict(os.environ, self.env, clear=True),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            patch.object(needs, "packages", lambda: self.packages),
        ):
            code = main([command, "--project", PROJECT, *options])
        printed = self._capfd.readouterr()
        return code, printed.out + printed.err

    def up(self, *options: str) -> tuple[int, str]:
        return self.run("up", "--store-elsewhere", *options)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud().running() as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def bundle() -> Iterator[None]:
    """The page's bundle, where nobody has built it."""
    file = ROOT / "public/app.bundle.js"
    made = not file.exists()
    if made:
        file.touch()
    yield
    if made:
        file.unlink()


@pytest.fixture
def site(tmp_path: Path, cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> Site:
    return Site(tmp_path, cloud, capfd)


def test_a_machine_with_nothing_is_told_all_that_is_missing_and_nothing_is_touched(site):
    site.env, site.packages = {"PATH": ""}, []
    code, output = site.run("up")
    assert code == 1
    lines = output.splitlines()
    assert all(line.startswith(("ok       ", "MISSING  ", "unknown  ")) for line in lines)
    missing = {line.removeprefix("MISSING  ").partition(":")[0] for line in lines if line.startswith("M")}
    assert missing == {"gcloud", "pulumi", "firebase", "Pulumi's packages", "store address", "store account"}
    assert site.tools.calls() == []


def test_all_that_is_there_is_said_and_nothing_is_touched(site):
    code, output = site.run("check", "--store-elsewhere")
    assert code == 0, output
    assert {line.split()[0] for line in output.splitlines()} == {"ok"}
    assert site.tools.changes() == []


@pytest.mark.parametrize(
    ("part", "code", "out", "line"),
    [
        ("pulumi whoami", 1, "no", "MISSING  pulumi login: no; mend: pulumi login"),
        ("gcloud auth list", 0, "", "MISSING  gcloud login: nobody is logged in; mend: gcloud auth login"),
        (
            "application-default",
            1,
            "none",
            "MISSING  application credentials: none; mend: gcloud auth application-default login",
        ),
        (
            "projects describe",
            1,
            "no such project",
            f"MISSING  project: no such project; mend: gcloud projects create {PROJECT}",
        ),
        ("gcloud projects describe", 0, "DELETE_REQUESTED", "MISSING  project: is not active; mend: "),
        ("billing", 0, "False", "MISSING  billing: is not enabled; mend: gcloud billing projects link "),
        (
            "services list",
            0,
            "\n".join(APIS[1:]),
            f"MISSING  APIs: not enabled: {APIS[0]}; mend: gcloud services enable {APIS[0]} ",
        ),
        ("projects:list", 1, "logged out", "MISSING  firebase login: logged out; mend: firebase login"),
        ("print-access-token", 1, "expired", "MISSING  permissions: expired; mend: "),
    ],
)
def test_what_is_missing_is_named_with_what_mends_it(site, part, code, out, line):
    site.tools.answer(part, code, out)
    ended, output = site.up()
    assert ended == 1
    assert any(one.startswith(line) for one in output.splitlines()), output
    assert site.tools.changes() == []


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("SURREALDB_URL", "ws://127.0.0.1:8000", "MISSING  store address: SURREALDB_URL is "),
        ("SURREALDB_PASSWORD", "", "MISSING  store account: SURREALDB_PASSWORD not set; mend: "),
    ],
)
def test_a_store_that_is_not_given_is_named(site, variable, value, line):
    site.env[variable] = value
    code, output = site.up()
    assert code == 1
    assert line in output
    assert site.tools.changes() == []


def test_a_permission_that_is_lacking_is_named(site):
    site.cloud.lacking = {"run.services.create", "pubsub.topics.create"}
    code, output = site.up()
    assert code == 1
    assert "MISSING  permissions: lacks pubsub.topics.create, run.services.create; mend: " in output
    assert site.tools.changes() == []


def test_what_depends_on_something_missing_is_unknown_and_not_asked_for(site):
    site.tools.answer("projects describe", 1, "no")
    _, output = site.up()
    assert "unknown  billing: needs project" in output
    assert not [call for call in site.tools.calls() if "billing" in call["words"]]


def test_a_deployment_runs_its_commands_in_order(site):
    code, output = site.up()
    assert code == 0, output
    assert [" ".join(call["words"][:3]) for call in site.tools.changes()] == [
        "pulumi stack select",
        "pulumi config set-all",
        "pulumi config set",
        "pulumi config set",
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
    image = settings.pop("confab:image")
    assert image.startswith(f"europe-west1-docker.pkg.dev/{PROJECT}/confab/realtime:")
    assert settings == {
        "gcp:project": PROJECT,
        "gcp:region": "europe-west1",
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


def test_hosting_rewrites_to_the_services_of_the_functions(site):
    site.up("--site", "trial-site", "--region", "europe-west1")
    config = json.loads(site.tools.changes()[-1]["config"])
    assert set(config) == {"hosting"}
    assert config["hosting"]["site"] == "trial-site"
    assert config["hosting"]["rewrites"] == [
        {
            "source": path,
            "run": {"serviceId": f"confab-{name.replace('_', '-')}", "region": "europe-west1"},
        }
        for path, name in rewrites()
    ]
    schema = json.loads((ROOT / "node_modules/firebase-tools/schema/firebase-config.json").read_text())
    jsonschema.validate(config, schema)
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
    assert len([line for line in output.splitlines() if line.startswith("$ ")]) == 8
    assert PASSWORD not in output


def test_a_store_that_is_away_stops_a_deployment_unless_it_is_said_to_be_elsewhere(site):
    site.env["SURREALDB_URL"] = "wss://127.0.0.1:1"
    code, output = site.run("up", "--dry-run")
    assert code == 1
    assert "MISSING  store: " in output
    code, planned = site.up("--dry-run")
    assert code == 0
    assert "confab.store migrate" not in planned


def test_what_follows_a_command_that_fails_is_not_run(site):
    site.tools.answer("builds submit", 3)
    code, output = site.up()
    assert code == 1
    assert "infra.deploy: the image: gcloud ended with 3" in output
    assert "builds" in site.tools.changes()[-1]["words"]


def test_a_deployment_that_does_not_answer_rightly_has_failed(cloud, capfd):
    assert smoke.smoke(cloud.url, [cloud.realtime], patience_s=0)
    cloud.problem = "not_found"
    assert not smoke.smoke(cloud.url, [cloud.realtime], patience_s=0)
    cloud.problem, cloud.refusal = "unauthenticated", '44{"data":{"code":"unavailable"}}'
    assert not smoke.smoke(cloud.url, [cloud.realtime], patience_s=0)
    cloud.problem, cloud.refusal = "unauthenticated", REFUSAL
    cloud.web_app = {}
    assert not smoke.smoke(cloud.url, [cloud.realtime], patience_s=0)
    assert not smoke.smoke("http://127.0.0.1:1", ["http://127.0.0.1:1"], patience_s=0)
    wrong = [line for line in capfd.readouterr().out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == len(ROUTES) + 1 + 1 + len(ROUTES) + 3


def test_a_stack_that_does_not_say_where_it_is_fails_the_deployment(site):
    site.tools.answer("pulumi stack output", 0, "{}")
    code, output = site.up()
    assert code == 1
    assert "the stack does not say where it is" in output


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
