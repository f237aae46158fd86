"""The Pulumi program agrees with the rest of the repository."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest
import yaml

from confab import config
from confab.conversations import Conversations
from confab.domain.cells import cell_of, topic_of
from confab.http.routes import EXPIRY, ROUTES, functions, rewrites
from confab.views import Views
from infra.gcp.functions import WRITERS
from infra.gcp.listing import planned
from infra.gcp.settings import settings_of
from infra.gcp.signals import SIGNALS
from infra.gcp.source import contents, digest_of
from infra.gcp.variables import BUILD
from tests.infra.deployment import BASE, FULL, HEADERS, PROJECT_NUMBER, SECRETS, deployed, run
from tests.infra.test_parts import variables
from tests.support.samples import conversation

ROOT = Path(__file__).parents[2]


def test_pulumi_finds_the_program():
    manifest = yaml.safe_load((ROOT / "infra/gcp/Pulumi.yaml").read_text())
    assert manifest["runtime"]["name"] == "python"
    assert (ROOT / "infra/gcp" / manifest["main"] / "__main__.py").exists()
    assert (ROOT / "infra/gcp" / manifest["runtime"]["options"]["virtualenv"]).resolve() == ROOT / ".venv"


def test_the_emulator_and_the_cloud_have_the_same_rewrites():
    local = json.loads((ROOT / "firebase.json").read_text())["hosting"]["rewrites"]
    cloud = deployed(BASE).outputs["rewrites"]
    sources = [[each["source"] for each in each_of] for each_of in (local, cloud)]
    assert sources == [[source for source, _ in rewrites()]] * 2
    assert {each["function"]["region"] for each in local} == {each["run"]["region"] for each in cloud}


def test_each_cell_has_its_service():
    few, many = deployed(BASE), deployed(FULL)
    assert [[*few.cells], [*many.cells]] == [["main"], ["b", "main", "c"]]
    assert few.outputs["realtimeUrls"] == ["https://confab-realtime-main-123456789012.us-central1.run.app"]
    assert many.outputs["realtimeUrls"] == [
        "https://b.example",
        "https://confab-realtime-main-123456789012.europe-west1.run.app",
        "https://confab-realtime-c-123456789012.europe-west1.run.app",
    ]
    template = many.one("Service/confab-realtime-b").inputs["template"]
    assert template["maxInstanceRequestConcurrency"] == 500


@pytest.mark.parametrize("cells", ['[{"name": "main"}, {"name": "b"}]', '[{"name": "b"}, {"name": "main"}]'])
def test_adding_a_cell_moves_no_conversation(cells):
    """In any position of the new cell, a conversation keeps its service and its topic."""
    few, more = deployed(BASE), deployed(BASE | {"confab:cells": cells})
    old = conversation("8f14e45fceea467a9b2c1d0e3f5a7b6c")
    before, after = (config_of(stack, "confab-get-conversation") for stack in (few, more))
    assert Views(before).conversation(old) == Views(after).conversation(old)
    home = config_of(more, "confab-realtime-main").cell
    assert topic_of(cell_of(old.id, after.cells)) == topic_of(home) == "confab-events"
    unchanged = {each.name: each.inputs for each in few.resources if each.type in ("Topic", "TopicIAMMember")}
    assert unchanged.items() <= {each.name: each.inputs for each in more.resources}.items()


def config_of(stack, process):
    return config.load(variables(stack)[process] | {"SURREALDB_USER": "u", "SURREALDB_PASSWORD": "p"})


def test_variables_of_the_configuration_reach_every_process():
    sites = [
        f"https://my-{site}.{end}" for site in ("site", "page") for end in ("web.app", "firebaseapp.com")
    ]
    origins = ",".join([*sites, "https://app.example"])
    wanted = {"OTEL_TRACES_SAMPLER": "always_on", "CONFAB_MAX_PAGE": "100", "CONFAB_ALLOWED_ORIGINS": origins}
    assert all(wanted.items() <= env.items() for env in variables(deployed(FULL)).values())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_function_may_publish_if_and_only_if_its_code_announces(route):
    source = inspect.getsource(getattr(Conversations, route.operation))
    announces = re.search(r"\.announce\(|\._change|\.eraser\.", source) is not None
    assert announces == (route.operation in WRITERS) == route.announces


LINES = [(text, signal) for signal in SIGNALS.values() for text in signal.messages]


@pytest.mark.parametrize(("message", "signal"), LINES, ids=lambda each: each if isinstance(each, str) else "")
def test_the_code_writes_the_lines_of_every_signal(message, signal):
    written = "".join(path.read_text() for path in (ROOT / "functions/confab").rglob("*.py"))
    found = re.search(rf'log\.\w+\(\s*"{re.escape(message)}"(.*?)\n +\)?\n', written, re.DOTALL)
    assert found is not None
    fields = [signal.label] * (signal.label != "service")
    assert all(f'"{field}":' in found[1] for field in fields)
    assert "KIND:" in found[1] or signal.adds is None  # what makes the line say how many it stands for


def test_version_control_ignores_the_stacks_settings():
    folder = yaml.safe_load((ROOT / "infra/gcp/Pulumi.yaml").read_text())["stackConfigDir"]
    file = f"infra/gcp/{folder}/Pulumi.production.yaml"
    asked = subprocess.run(["git", "check-ignore", "--quiet", file], cwd=ROOT, check=False, timeout=10)
    assert asked.returncode == 0


def test_the_source_is_the_functions_and_nothing_else():
    (archive,) = deployed(BASE).all("BucketObject")
    assert archive.inputs["source"] == sorted(contents())
    needed = {"main.py", "requirements.txt", "confab/store/schema.surql"}
    assert needed <= contents().keys()
    assert not [path for path in contents() if re.search("venv|__pycache__|^tests", path)]
    assert digest_of(contents()) in archive.inputs["name"]


def test_a_changed_source_changes_the_archives_name():
    files = {"a.py": b"1", "b.py": b"2"}
    assert digest_of(files) == digest_of(dict(reversed(files.items())))
    assert len({digest_of(files), digest_of({"a.py": b"12", "b.py": b""}), digest_of({"a.py": b"1"})}) == 3


def test_the_uploaded_source_imports_with_compiled_bytecode(tmp_path):
    def python(*arguments):
        ran = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=BUILD, check=True, timeout=60, capture_output=True
        )
        return ran.stdout.decode()

    for path, content in contents().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert python("-m", "compileall", "-f", "-q", ".") == ""
    bytecode = (tmp_path / "__pycache__/main.cpython-311.pyc").read_bytes()
    assert bytecode[4] & 1, "valid by the source's time"
    assert python("-c", "import main; print(*dir(main))").split() == sorted([*functions(), EXPIRY])


@pytest.mark.parametrize("config", [BASE, FULL], ids=["smallest", "full"])
def test_the_list_has_every_resource_by_its_name(config):
    stack, made = deployed(config), dict[str, set[str]]()
    keys = ("name", "secretId", "accountId", "repositoryId", "roleId", "siteId", "service", "displayName")
    for each in stack.resources:
        names = [each.inputs[key] for key in keys if key in each.inputs]
        board = json.loads(each.inputs.get("dashboardJson", "{}"))
        made.setdefault(f"{each.module}/{each.type}", set()).add([*names, board.get("displayName")][0])
    inside = ("Member", "Version", "Object", "Attachment", "firebase/Project")
    settings = {key.partition(":")[2]: value for key, value in config.items() if key != HEADERS}
    optional = {"otlpHeaders"} if HEADERS in stack.secrets else set()
    listed = planned(settings_of(settings), PROJECT_NUMBER, optional)
    assert all(len(set(names)) == len(names) for names in listed.values())
    assert {kind: set(names) for kind, names in listed.items()} == {
        kind: names for kind, names in made.items() if not kind.endswith(inside)
    }


@pytest.mark.parametrize(
    ("config", "secrets", "message"),
    [
        (
            BASE,
            {},
            "storeViewerPassword: set it with --secret; storeEditorPassword: .*; storeRootPassword: ",
        ),
        (BASE, SECRETS, "storeRootPassword: set it with --secret"),
        (
            BASE | {"confab:storeEditorPassword": "p"},
            {key: value for key, value in SECRETS.items() if "Editor" not in key},
            "storeEditorPassword: set it with --secret",
        ),
        (BASE | {HEADERS: "api-key=x"}, SECRETS, "otlpHeaders: set it with --secret"),
    ],
    ids=["no secrets", "no root", "a plain secret", "plain headers"],
)
def test_an_invalid_configuration_stops_the_program(config, secrets, message):
    with pytest.raises(pulumi.RunError, match=message):
        run(config, secrets)
