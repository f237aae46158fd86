"""The prerequisites that the deploy command probes before it changes anything."""

import json

import pytest

from confab.store import schema
from confab.store.session import Session
from confab.store.users import definition
from infra.deploy import prerequisites
from infra.deploy.plan import STORE_MIGRATE, release
from infra.deploy.project import APIS, PAGE_APIS
from infra.deploy.runner import Runner
from infra.deploy.stack import PASSWORDS
from infra.deploy.target import PROGRAM, Target
from infra.probes.probe import Failure
from tests.deploy.machine import PROJECT, Machine
from tests.support.inherited import inherited
from tests.support.surrealdb import PASSWORD, define_users, surreal_server


def test_a_bare_machine_lists_every_missing_prerequisite(machine):
    machine.env.clear()
    machine.tools.clear()
    code, output = machine.up("--page")
    assert code == 1
    lines = output.splitlines()
    assert all(line.startswith(("ok      ", "MISSING ", "skipped ")) for line in lines)
    missing = {line.removeprefix("MISSING ").partition(":")[0] for line in lines if line.startswith("M")}
    assert missing == {"gcloud", "pulumi", "firebase"}
    assert lines[0] == (
        "MISSING gcloud: not on PATH. Fix: install it: https://cloud.google.com/sdk/docs/install"
    )
    assert [call.words[1] for call in machine.asked] == ["config"]  # the stack's settings
    assert machine.changes == []


def test_met_prerequisites_are_listed_and_nothing_changes(machine):
    code, output = machine.run("check", "--page")
    assert code == 0, output
    lines, last = output.splitlines()[:-2], output.splitlines()[-1]
    assert {line.split()[0] for line in lines} == {"ok"}
    parts = (prerequisites.DEPLOYMENT, prerequisites.STORE, prerequisites.PAGE, prerequisites.BUS)
    assert len(lines) == sum(map(len, parts))
    assert last.startswith("your site was not probed, because nothing is deployed: ")
    assert machine.changes == []


MISSING = [
    ("pulumi whoami", 1, "no", "pulumi login: no. Fix: pulumi login"),
    ("gcloud auth list", 0, "", "gcloud login: nobody is logged in. Fix: gcloud auth login"),
    ("application-default", 1, "none", "application credentials: none. Fix: gcloud auth application-default"),
    ("projects describe", 1, "no such", f"project: no such. Fix: gcloud projects create {PROJECT}"),
    ("gcloud projects describe", 0, "DELETE_REQUESTED", "project: not active. Fix: "),
    ("billing", 0, "False", "billing: not enabled. Fix: gcloud billing projects link "),
    (
        "services list",
        0,
        "\n".join((APIS + PAGE_APIS)[1:]),
        f"APIs: not enabled: {APIS[0]}. Fix: gcloud services enable ",
    ),
    ("projects:list", 1, "logged out", "firebase login: logged out. Fix: firebase login"),
    ("auth print-access-token", 1, "expired", "permissions of gcloud: expired. Fix: "),
    ("auth print-access-token", 0, "another", "permissions of gcloud: http"),
    (
        "whoami --verbose",
        0,
        "Backend URL: gs://state",
        "Pulumi's encryption: PULUMI_CONFIG_PASSPHRASE_FILE is not",
    ),
    ("pulumi config", 1, "error: incorrect passphrase", "stack: error: incorrect passphrase. Fix: "),
    ("pulumi config", 0, "no JSON", "stack: pulumi prints no JSON. Fix: "),
    (
        "org-policies",
        0,
        '{"listPolicy": {"allowedValues": ["C01"]}}',
        "public access: iam.allowedPolicyMember",
    ),
    ("org-policies", 1, "denied", "public access: denied. Fix: "),
    ("org-policies", 0, "no JSON", "public access: gcloud prints no JSON: no JSON. Fix: "),
    ("apps:list", 0, '{"result": []}', "web app: the project has none. Fix: firebase projects:addfirebase "),
]


@pytest.mark.parametrize(("part", "code", "out", "line"), MISSING)
def test_a_missing_prerequisite_is_named_with_its_fix(machine, part, code, out, line):
    machine.answer(part, code, out)
    assert_missing(machine, line)


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("SURREALDB_URL", "ws://127.0.0.1:8000", "store address: SURREALDB_URL is "),
        ("SURREALDB_OWNER_PASSWORD", "", "store account: SURREALDB_OWNER_PASSWORD not set. Fix: "),
    ],
)
def test_a_store_without_a_safe_address_or_a_password_is_refused(machine, variable, value, line):
    machine.env[variable] = value
    assert_missing(machine, line)


@pytest.mark.parametrize(
    ("token", "permission", "whose"),
    [
        ("gcloud", "cloudbuild.builds.create", "gcloud"),
        ("the-program", "pubsub.topics.setIamPolicy", "the application credentials"),
    ],
)
def test_missing_permissions_are_named(machine, token, permission, whose):
    machine.lacking[f"a-token-of-{token}"] = {permission, "serviceusage.services.use"}
    assert_missing(machine, f"permissions of {whose}: lacks {permission}, serviceusage.services.use. Fix: ")


def assert_missing(machine: Machine, line: str) -> None:
    code, output = machine.up("--page")
    assert code == 1
    assert any(one.startswith(f"MISSING {line}") for one in output.splitlines()), output
    assert machine.changes == []


def test_without_pulumi_cloud_a_passphrase_or_a_key_service_encrypts(machine):
    def encrypted() -> bool:
        return "ok      Pulumi's encryption: " in machine.run("check")[1]

    machine.answer("whoami --verbose", 0, "Backend URL: gs://state")
    for value in ("", "secret"):
        machine.env["PULUMI_CONFIG_PASSPHRASE"] = value
        assert encrypted()
    del machine.env["PULUMI_CONFIG_PASSPHRASE"]
    passphrase = machine.root / "passphrase"
    machine.env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase)
    assert not encrypted()
    passphrase.write_text("secret")
    assert encrypted()
    del machine.env["PULUMI_CONFIG_PASSPHRASE_FILE"]
    settings = machine.root / PROGRAM / "stacks/Pulumi.production.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("encryptionsalt: v1:x")
    assert not encrypted()
    settings.write_text("secretsprovider: gcpkms://projects/x")
    assert encrypted()


def test_what_depends_on_a_missing_prerequisite_is_skipped(machine):
    machine.answer("projects describe", 1, "no")
    _, output = machine.up()
    assert "skipped billing: needs project" in output
    assert not [call for call in machine.asked if "billing" in call.words]


OTHERS = {
    "allUsers": "roles/pubsub.publisher",
    f"serviceAccount:confab-x@another-{PROJECT}.iam.gserviceaccount.com": "roles/pubsub.editor",
    "serviceAccount:1-compute@developer.gserviceaccount.com": "roles/editor",
}
HARMLESS = {
    f"serviceAccount:confab-x@{PROJECT}.iam.gserviceaccount.com": "roles/pubsub.publisher",
    "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com": "roles/editor",
    "user:somebody@example.com": "roles/owner",
    "serviceAccount:other@developer.gserviceaccount.com": "roles/viewer",
}


@pytest.mark.parametrize(
    "of", ["projects get-iam-policy", f"get-iam-policy projects/{PROJECT}/topics/confab-"]
)
def test_the_check_names_others_who_publish_and_no_deployment_waits_for_that(machine, of):
    members = OTHERS | HARMLESS
    bindings = [{"role": role, "members": [member]} for member, role in members.items()]
    machine.answer(of, 0, json.dumps({"bindings": bindings}))
    code, output = machine.run("check")
    named = ", ".join(sorted(f"{member} ({role})" for member, role in OTHERS.items()))
    assert f"MISSING others who publish: others may publish events: {named}. Fix: gcloud" in output
    assert code == 1
    assert machine.up()[0] == 0


def test_the_check_names_subscriptions_that_containers_could_delete(machine):
    machine.answer(
        "subscriptions list", 0, f"projects/{PROJECT}/subscriptions/mine\nprojects/x/subscriptions/confab-1"
    )
    code, output = machine.run("check")
    assert "MISSING others' subscriptions: containers may also read and delete mine. Fix: " in output
    assert code == 1


async def test_a_store_may_lack_the_schema_but_not_a_user_or_be_too_new(tmp_path, capfd):
    """By the deployment's own commands."""

    def probed() -> str:
        return prerequisites.store(Runner(env), Target("trial", "us-central1", "production", None, env))

    async with surreal_server(tmp_path, migrated=False) as store:
        account = {"SURREALDB_URL": store.url, "SURREALDB_USERS": "confab"}
        account |= dict.fromkeys(PASSWORDS.values(), PASSWORD)
        env = {**inherited(measured=False), **account}
        with pytest.raises(Failure, match="NotAllowed"):
            probed()
        await define_users(store, "confab_")
        assert schema.ABSENT in probed()
        migration, _ = release(Target("trial", "us-central1", "production", None, env))
        assert migration.words == STORE_MIGRATE
        Runner(env).run(migration)
        assert "migrated to schema version" in capfd.readouterr().out
        assert probed().endswith("confab_owner: owner")
        session = await Session.open(store.account())
        newer = schema.VERSION + 1
        step = schema.Migration("DEFINE FIELD extra ON message TYPE option<string>;", oldest=newer)
        await session.query(definition("confab_editor", PASSWORD, "owner", level="DATABASE"), {})
        with pytest.raises(Failure, match="confab_editor has the role owner, not editor"):
            probed()
        await schema.migrate(session, [*schema.MIGRATIONS, step])
        await session.close()
        with pytest.raises(Failure, match=schema.TOO_NEW):
            probed()
