"""What the deploy command looks at before it touches anything."""

from unittest.mock import patch

import pytest

from infra.deploy import looks
from infra.deploy.looks import APIS
from infra.deploy.target import ROOT
from tests.deploy.machine import PROJECT


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
        ("auth print-access-token", 1, "expired", "MISSING  permissions of gcloud: expired; mend: "),
        (
            "whoami --verbose",
            0,
            "User: me\nBackend URL: gs://state",
            "MISSING  Pulumi's encryption: PULUMI_CONFIG_PASSPHRASE_FILE is not set, and the state is at gs://state;",
        ),
        (
            "pulumi config",
            1,
            "error: incorrect passphrase",
            "MISSING  stack: error: incorrect passphrase; mend: ",
        ),
        (
            "org-policies",
            0,
            '{"listPolicy": {"allowedValues": ["C01"]}}',
            "MISSING  public access: iam.allowedPolicyMemberDomains refuses allUsers; mend: ",
        ),
        ("org-policies", 1, "denied", "MISSING  public access: denied; mend: "),
        (
            "apps:list",
            0,
            '{"result": []}',
            "MISSING  web app: the project has none; mend: firebase projects:add",
        ),
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


@pytest.mark.parametrize(
    ("token", "lacking", "line"),
    [
        ("a-token-of-gcloud", "cloudbuild.builds.create", "permissions of gcloud: lacks"),
        (
            "a-token-of-the-program",
            "pubsub.topics.setIamPolicy",
            "permissions of the application credentials: lacks",
        ),
    ],
)
def test_a_permission_that_either_login_lacks_is_named(site, token, lacking, line):
    site.cloud.lacking = {token: {lacking, "serviceusage.services.use"}}
    code, output = site.up()
    assert code == 1
    assert f"MISSING  {line} {lacking}, serviceusage.services.use; mend: " in output
    assert site.tools.changes() == []


def test_a_passphrase_or_a_key_service_will_do_where_pulumi_has_no_service(site, tmp_path):
    site.tools.answer("whoami --verbose", 0, "Backend URL: gs://state")
    for value in ("", "secret"):
        site.env["PULUMI_CONFIG_PASSPHRASE"] = value
        assert site.run("check", "--store-elsewhere")[0] == 0
    del site.env["PULUMI_CONFIG_PASSPHRASE"]
    site.env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(tmp_path / "passphrase")
    assert "there is no" in site.run("check", "--store-elsewhere")[1]
    (tmp_path / "passphrase").write_text("secret")
    assert site.run("check", "--store-elsewhere")[0] == 0
    del site.env["PULUMI_CONFIG_PASSPHRASE_FILE"]
    kept = tmp_path / "infra/gcp/stacks/Pulumi.production.yaml"
    kept.parent.mkdir(parents=True)
    (kept.parents[1] / "Pulumi.yaml").write_text((ROOT / "infra/gcp/Pulumi.yaml").read_text())
    with patch.object(looks, "ROOT", tmp_path):
        kept.write_text("encryptionsalt: v1:x")
        assert "MISSING  Pulumi's encryption" in site.run("check", "--store-elsewhere")[1]
        kept.write_text("secretsprovider: gcpkms://projects/x")
        assert "ok       Pulumi's encryption" in site.run("check", "--store-elsewhere")[1]


def test_what_depends_on_something_missing_is_unknown_and_not_asked_for(site):
    site.tools.answer("projects describe", 1, "no")
    _, output = site.up()
    assert "unknown  billing: needs project" in output
    assert not [call for call in site.tools.calls() if "billing" in call["words"]]


def test_a_store_that_is_away_stops_a_deployment_unless_it_is_said_to_be_elsewhere(site):
    site.env["SURREALDB_URL"] = "wss://127.0.0.1:1"
    code, output = site.run("up", "--dry-run")
    assert code == 1
    assert "MISSING  store: " in output
    code, planned = site.up("--dry-run")
    assert code == 0
    assert "confab.store migrate" not in planned
