"""Which system the doctor probes: the stack that runs here, or a deployed one."""

import json

import pytest

from confab import config
from infra.deploy.runner import Answer, Runner
from infra.local.data import DataFolder
from infra.probes import __main__ as doctor
from infra.probes.probes import PARTS
from infra.probes.system import Named, Unclear, deployed, local
from tests.infra import deployment
from tests.infra.deployment import FULL, SECRETS

CHAT, ROOMS = "https://chat.example", "https://rooms.example"
MOVED = {
    "SURREALDB_URL": "ws://127.0.0.1:18000",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:18085",
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:19099",
    "GOOGLE_CLOUD_PROJECT": "demo-confab",
    "CONFAB_ALLOWED_ORIGINS": "http://127.0.0.1:15000",
    "CONFAB_REALTIME_URLS": "http://127.0.0.1:18081",
}


KEPT = {"confab:storeUsers": "confab", **SECRETS}


class Pulumi(Runner):
    """Pulumi with one stack."""

    def __init__(self, outputs: str, stack: str = "production") -> None:
        super().__init__({})
        self._outputs = outputs
        self._stack = stack

    def ask(self, *words: str, **_: object) -> Answer:
        if self._stack not in words:
            return Answer(255, "", "error: no stack of this name")
        if words[1:3] == ("stack", "output"):
            return Answer(0, self._outputs)
        return Answer(0, json.dumps({key: {"value": value} for key, value in KEPT.items()}))


@pytest.fixture(scope="module")
def outputs():
    return deployment.deployed(FULL).outputs


@pytest.fixture
def stack(tmp_path):
    """The folder of a stack on moved ports."""
    data = DataFolder(tmp_path / "stack")
    with data.held(), data.described({"web": "http://127.0.0.1:15000", "env": MOVED}):
        yield data


def test_the_stack_that_runs_here_is_probed_on_whatever_ports(stack):
    system = local(Named(), {"SURREALDB_URL": "wss://store.example", "SURREALDB_USER": "u"}, stack)
    assert (system.web, system.realtime) == ("http://127.0.0.1:15000", ("http://127.0.0.1:18081",))
    assert system.config == config.load(MOVED | {"SURREALDB_USER": "u"})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "[::1]"])
def test_other_addresses_of_this_machine_override_the_stacks(stack, host):
    system = local(Named(f"http://{host}:25000/", (f"http://{host}:28081/",), "t"), {}, stack)
    found = (system.web, system.realtime, system.token)
    assert found == (f"http://{host}:25000", (f"http://{host}:28081",), "t")
    assert system.config == config.load(MOVED)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (Named(url=CHAT), f"{CHAT} is not on this machine: .* --project"),
        (Named(realtime=("http://127.0.0.1:28081", ROOMS)), f"{ROOMS} is not on this machine"),
        (Named(url="nowhere"), "'nowhere', which has no host and port"),
    ],
)
def test_remote_addresses_are_not_mixed_with_the_local_store_and_bus(named, message, stack):
    with pytest.raises(Unclear, match=message):
        local(named, {}, stack)


def test_without_a_running_stack_nothing_else_is_probed(tmp_path):
    with pytest.raises(Unclear, match=r"^no stack runs here .*: start `make dev`, or name a project"):
        local(Named(), MOVED, DataFolder(tmp_path))


def test_a_deployed_stack_knows_its_addresses_variables_and_credentials(outputs):
    system = deployed("my-project", "production", Named(), Pulumi(json.dumps(outputs)))
    assert system.web == "https://my-site.web.app"
    assert set(system.realtime) == set(outputs["realtimeUrls"])
    assert set(system.config.addresses) == {"main", "b", "c"}
    assert system.config.allowed_origins[0] == system.web
    assert (system.config.project, system.config.max_page) == ("my-project", 100)
    assert (system.config.surrealdb_url, system.config.pubsub_emulator_host) == ("wss://store.example", None)
    found = (system.config.surrealdb_user, system.config.surrealdb_password)
    assert found == ("confab_editor", SECRETS["confab:storeEditorPassword"])
    assert system.config.surrealdb_auth_level == "database"
    named = Named(url=CHAT, realtime=(ROOMS,), skipped={"store"})
    system = deployed("my-project", "production", named, Pulumi(json.dumps(outputs)))
    assert (system.web, system.realtime) == (CHAT, (ROOMS,))


@pytest.mark.parametrize(
    ("printed", "project", "stack", "message"),
    [
        *((printed, "my-project", "production", "production") for printed in ("", "[]", "{}")),
        ('{"webUrl": "https://x.example"}', "my-project", "production", "production has no outputs"),
        (None, "another", "production", "my-project, not another"),
        (None, "my-project", "staging", "no stack of this name"),
    ],
)
def test_a_stack_without_outputs_of_another_project_or_unknown(outputs, printed, project, stack, message):
    pulumi = Pulumi(json.dumps(outputs) if printed is None else printed)
    with pytest.raises(Unclear, match=message):
        deployed(project, stack, Named(), pulumi)


def test_the_command_exits_with_2_if_it_finds_no_system_or_a_wrong_environment(
    monkeypatch, capsys, tmp_path, stack
):
    assert doctor.main(["--data", str(tmp_path / "none")]) == 2
    printed = capsys.readouterr()
    assert (printed.err[:34], printed.out) == ("infra.probes: no stack runs here (", "")
    monkeypatch.setenv("CONFAB_MAX_PAGE", "none")
    assert doctor.main(["--data", str(stack.path)]) == 2
    assert "CONFAB_MAX_PAGE" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "")
    assert doctor.main(["--project", "my-project"]) == 2
    assert "pulumi" in capsys.readouterr().err


def test_the_command_prints_no_result_for_parts_that_it_skips(capsys, stack):
    skips = (f"--skip={part}" for part in PARTS)
    assert doctor.main(["--data", str(stack.path), *skips]) == 0
    assert capsys.readouterr().out == "0 ok, 0 FAIL, 0 skipped\n"
