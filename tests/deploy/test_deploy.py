"""The deploy command: its steps, their order, and its failures."""

import json
import re
import sys

import jsonschema
import pytest

from infra.deploy.target import ROOT
from infra.probes.probes import WITH_CREDENTIALS
from tests.deploy.machine import DIGEST, OUTPUTS, PAGE, PASSWORD, PASSWORDS, PROJECT, USER

MAKEFILE = (ROOT / "Makefile").read_text()


def line(call):
    return " ".join(call.words[:3])


def test_a_deployment_runs_its_commands_in_order(machine):
    code, output = machine.up()
    assert code == 0, output
    assert [line(call) for call in machine.changes] == [
        "pulumi stack select",
        "pulumi config set-all",
        *["pulumi config set"] * 3,
        "pulumi preview --cwd",
        "pulumi up --yes",
        "gcloud builds submit",
        "pulumi config set",
        f"{sys.executable} -m confab.store",
        "pulumi up --yes",
    ]
    assert output.splitlines()[-1] == f"deployed to {PROJECT}"
    assert output.count("\n$ ") == len(machine.changes)  # each is printed before it runs
    assert machine.inspected == []  # no Hosting site is touched
    assert not [call for call in machine.asked + machine.changes if "firebase" in call.words]


def test_a_deployment_ends_with_the_probes_that_need_no_credentials(machine):
    machine.up()
    ((system, skipped),) = machine.probed
    assert (system.functions, system.realtime) == (OUTPUTS["functions"], ("https://rooms.example",))
    assert skipped == WITH_CREDENTIALS | {"sign-in"}
    assert machine.up("--page")[0] == 0
    system, skipped = machine.probed[-1]
    assert (system.web, system.functions, skipped) == (f"https://{PAGE}.web.app", {}, WITH_CREDENTIALS)
    machine.deployed_is_well = False
    code, output = machine.up()
    assert code == 1
    assert output.splitlines()[-1] == "FAIL    a part: it is not well. Fix: wait"


def test_the_settings_have_the_programs_names(machine):
    machine.env |= {"SURREALDB_NAMESPACE": "n", "SURREALDB_DATABASE": "d"}
    domain = "https://chat.example"
    machine.up("--site", "trial-site", "--region", "europe-west1", "--page", "--origin", domain)
    image = machine.kept.pop("confab:image")
    assert image == f"europe-west1-docker.pkg.dev/{PROJECT}/confab-realtime/realtime@{DIGEST}"
    assert machine.kept == {
        "gcp:project": PROJECT,
        "gcp:region": "europe-west1",
        "gcp:userProjectOverride": "true",
        "gcp:billingProject": PROJECT,
        "confab:storeUrl": "wss://db.example",
        "confab:storeNamespace": "n",
        "confab:storeDatabase": "d",
        "confab:storeUsers": USER,
        **{f"confab:store{role.title()}Password": password for role, password in PASSWORDS.items()},
        "confab:site": "trial-site",
        "confab:page": PAGE,
        "confab:origins": f'["{domain}"]',
    }
    machine.up("--origin", "https://b.example")  # adds to what is remembered
    assert json.loads(machine.kept["confab:origins"]) == [domain, "https://b.example"]


def test_secrets_go_in_through_standard_input_alone(machine):
    _, output = machine.up()
    secrets = {call.words[4]: call.stdin for call in machine.changes if "--secret" in call.words}
    assert secrets == {f"confab:store{role.title()}Password": each for role, each in PASSWORDS.items()}
    assert not any(PASSWORD in " ".join(call.words) for call in machine.asked + machine.changes)
    given = {
        (call.words[2], name, value)
        for call in machine.asked + machine.changes
        for name, value in call.env.items()
        if PASSWORD in value
    }
    assert given == {("confab.store", "SURREALDB_PASSWORD", password) for password in PASSWORDS.values()}
    for secret in (PASSWORD, "a-token-of-gcloud", "a-token-of-the-program"):
        assert secret not in output


def test_the_page_is_released_with_the_stacks_site_and_rewrites(machine):
    assert machine.up("--page")[0] == 0
    config = json.loads(machine.changes[-1].config)
    assert set(config) == {"hosting"}
    assert config["hosting"]["site"] == PAGE
    assert config["hosting"]["rewrites"] == OUTPUTS["rewrites"]
    schema = json.loads((ROOT / "node_modules/firebase-tools/schema/firebase-config.json").read_text())
    jsonschema.Draft7Validator(schema).validate(config)  # not the schema, whose references are no URIs
    local = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    (pages,) = config["hosting"]["headers"]
    policy = {each["key"]: each["value"] for each in pages["headers"]}["Content-Security-Policy"]
    assert not re.search("unsafe-(inline|eval)", policy)
    assert policy.partition("connect-src ")[2].partition(";")[0].split() == [
        "'self'",
        "https://identitytoolkit.googleapis.com",
        "https://securetoken.googleapis.com",
        "https://rooms.example",
        "wss://rooms.example",
    ]
    assert config["hosting"]["ignore"] == local["ignore"]


def test_an_image_that_exists_is_not_built_again(machine):
    machine.answer("images describe", 0, DIGEST)
    for pinned in (1, 0):
        assert machine.up()[0] == 0
        assert not [call for call in machine.changes if "builds" in call.words]
        assert len([call for call in machine.changes if "up" in call.words]) == 1
        assert len([call for call in machine.changes if "confab:image" in call.words]) == pinned
    assert machine.kept["confab:image"].endswith(f"/confab-realtime/realtime@{DIGEST}")


@pytest.mark.parametrize(("command", "count"), [("up", 12), ("destroy", 1)])
def test_a_dry_run_prints_the_plan_and_needs_neither_an_account_nor_a_tool(machine, command, count):
    code, printed = machine.run(command, "--page", "--dry-run")
    assert (code, machine.changes) == (0, [])
    assert printed.count("\n$ ") == count
    assert printed.count("\n(retried every ") == (3 if command == "up" else 0)
    assert PASSWORD not in printed
    machine.tools.clear()
    machine.env.clear()
    for tool in ("gcloud", "pulumi", "firebase"):
        machine.answer(tool, 127, f"{tool}: No such file or directory")
    code, bare = machine.run(command, "--page", "--dry-run")
    assert (code, machine.changes) == (0, [])
    titles, all_titles = (re.findall(r"\n\n(.+)\n\$ ", text) for text in (bare, printed))
    assert set(all_titles) <= set(titles)
    if command == "up":
        assert printed.splitlines()[-3:-1] == [
            "Not known yet:",
            "  the digest of the image, which is not built",
        ]
        for unknown in ("the project's number: UNKNOWN", "has kept: pulumi: No"):
            assert unknown in bare.partition("\nNot known yet:\n")[2]


def test_what_it_creates_and_costs_stands_before_the_first_command_and_is_confirmed(machine):
    for typed, code in (("", 1), ("no\n", 1), ("yes\n", 0)):
        found, printed = machine.run("up", stdin=typed)
        assert found == code, printed
        assert len(machine.changes) == (0 if code else 11)
        described, _, _ = printed.partition("\n$ ")
        for part in (
            "function (17): confab-",
            "container (1): confab-realtime-main\n",
            "no Hosting site",
            "idle month costs $",
            "your store at wss:",
        ):
            assert part in described


def test_a_deployment_prints_what_the_apps_firebase_json_needs(machine):
    _, printed = machine.up()
    pasted, _ = json.JSONDecoder().raw_decode(printed[printed.index('{\n  "rewrites"') :])
    assert pasted["rewrites"] == OUTPUTS["rewrites"]
    schema = json.loads((ROOT / "node_modules/firebase-tools/schema/firebase-config.json").read_text())
    jsonschema.Draft7Validator(schema).validate({"hosting": {"public": "x", **pasted}})
    assert "connect-src needs: https://rooms.example wss://rooms.example" in printed


def test_what_the_guide_says_of_a_deployment_is_so(machine):
    guide = (ROOT / "docs/add-to-your-app.md").read_text()
    section = next(part for part in guide.split("\n## ") if part.startswith("6. Deploy\n"))
    named = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", section, flags=re.DOTALL)))
    goals = re.findall(r"\bmake ([\w-]+) PROJECT=", section)
    assert set(goals) == {"deploy", "deploy-check"}
    for goal in goals:
        assert re.search(rf"^{goal}:.*\n.*\$\(DEPLOY\) ", MAKEFILE, re.MULTILINE)
    for name in named:
        if name.endswith((".json", ".js")):
            assert f"\n`{name}`" in guide
    assert "--origin" in named
    _, printed = machine.up("--origin", "https://chat.example")
    assert "https://chat.example" in printed
    hosts = (name for name in named if name.startswith("my-app."))
    assert all(f"https://{host.replace('my-app', PROJECT)}" in printed for host in hosts)
    assert '\nAdd to "hosting" in your app\'s firebase.json, before a rewrite of "**"' in printed


def test_a_check_probes_the_apps_own_site_once_it_is_deployed(machine):
    assert "not probed, because nothing is deployed" in machine.run("check")[1]
    machine.up()
    machine.probed.clear()
    assert machine.run("check")[0] == 0
    assert machine.run("check", "--origin", "https://chat.example/")[0] == 0
    assert [system.web for system, _ in machine.probed] == [OUTPUTS["webUrl"], "https://chat.example"]
    machine.deployed_is_well = False
    code, printed = machine.run("check")
    assert code == 1
    assert '"rewrites": [' in printed


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
    assert ("Still there" if confirmed else "nothing was destroyed") in output
    machine.tools.discard("pulumi")
    assert machine.run("destroy", *options, stdin=typed)[0] == 1
    assert machine.changes == []
