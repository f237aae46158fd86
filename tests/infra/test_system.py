"""Which system is probed: the local one, one that variables name, or a deployed one."""

import json

import pytest

from confab import config
from infra.deploy.runner import Answer, Runner
from infra.local.data import DataFolder
from infra.probes import __main__ as doctor
from infra.probes.system import Named, Unclear, deployed, local_or_named
from tests.infra import deployment
from tests.infra.deployment import FULL, SECRETS

CHAT, ROOMS = "https://chat.example", "https://rooms.example"
NAMED = {
    "SURREALDB_URL": "wss://store.example",
    "SURREALDB_USER": "u",
    "SURREALDB_PASSWORD": "p",
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "CONFAB_ALLOWED_ORIGINS": CHAT,
    "CONFAB_REALTIME_URLS": ROOMS,
}
MOVED = {
    "SURREALDB_URL": "ws://127.0.0.1:18000",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:18085",
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:19099",
    "GOOGLE_CLOUD_PROJECT": "demo-confab",
    "CONFAB_ALLOWED_ORIGINS": "http://127.0.0.1:15000",
    "CONFAB_REALTIME_URLS": "http://127.0.0.1:18081",
}


class Pulumi(Runner):
    """Answers like pulumi about one stack."""

    def __init__(self, outputs: str, stack: str = "production") -> None:
        super().__init__({})
        self._outputs = outputs
        self._stack = stack

    def ask(self, *words: str, **_: object) -> Answer:
        if self._stack not in words:
            return Answer(255, "", "error: no stack named so")
        if words[1:3] == ("stack", "output"):
            return Answer(0, self._outputs)
        return Answer(0, json.dumps({key: {"value": value} for key, value in SECRETS.items()}))


@pytest.fixture(scope="module")
def outputs():
    return deployment.deployed(FULL).outputs


@pytest.fixture
def nothing(tmp_path):
    """A folder on which no stack runs."""
    return DataFolder(tmp_path / "data")


@pytest.fixture
def stack(tmp_path):
    """The folder of a stack on moved ports."""
    data = DataFolder(tmp_path / "stack")
    with data.held(), data.described({"web": "http://127.0.0.1:15000", "env": MOVED}):
        yield data


def test_without_a_word_it_is_the_stack_that_runs_here_wherever_it_is(stack):
    system = local_or_named(Named(), {"SURREALDB_URL": ""}, stack)
    assert (system.web, system.realtime) == ("http://127.0.0.1:15000", ("http://127.0.0.1:18081",))
    assert system.config.surrealdb_url == "ws://127.0.0.1:18000"
    assert system.config.pubsub_emulator_host == "127.0.0.1:18085"
    assert system.config.auth_emulator_host == "127.0.0.1:19099"
    assert system.config.allowed_origins == ("http://127.0.0.1:15000",)


def test_what_is_said_wins_over_the_stack_that_runs_here(stack):
    named = Named(url="http://127.0.0.1:25000", realtime=("http://127.0.0.1:28081",))
    system = local_or_named(named, {"SURREALDB_URL": "ws://127.0.0.1:28000"}, stack)
    assert (system.web, system.realtime) == (named.url, named.realtime)
    assert system.config.surrealdb_url == "ws://127.0.0.1:28000"
    assert system.config.pubsub_emulator_host == "127.0.0.1:18085"


def test_where_no_stack_runs_nothing_is_taken_for_it(nothing):
    with pytest.raises(
        Unclear, match=r"^no stack runs here .*: start `make dev`, or name a system"
    ) as refused:
        local_or_named(Named(), {}, nothing)
    for name in ("--project", "--url", *(MOVED.keys() - {"GOOGLE_CLOUD_PROJECT", "CONFAB_ALLOWED_ORIGINS"})):
        assert name in str(refused.value)
    with pytest.raises(Unclear, match=r"not named: SURREALDB_URL$"):
        local_or_named(Named(url="http://127.0.0.1:15000"), MOVED | {"SURREALDB_URL": ""}, nothing)


def test_a_system_that_is_named_whole_needs_no_stack(nothing):
    system = local_or_named(Named(url="http://127.0.0.1:15000"), MOVED, nothing)
    assert system.config.surrealdb_url == "ws://127.0.0.1:18000"


def test_a_stack_that_was_killed_is_not_looked_for(nothing):
    nothing.path.mkdir()
    (nothing.path / "stack.json").write_text(json.dumps({"web": "http://127.0.0.1:15000", "env": MOVED}))
    with pytest.raises(Unclear, match="was killed"):
        local_or_named(Named(), {}, nothing)


def test_variables_and_addresses_can_name_a_system_elsewhere(stack):
    system = local_or_named(Named(url=f"{CHAT}/", token="t"), NAMED, stack)
    assert (system.web, system.realtime, system.token) == (CHAT, (ROOMS,), "t")
    assert (system.config.surrealdb_url, system.config.pubsub_emulator_host) == ("wss://store.example", None)


@pytest.mark.parametrize("named", [Named(url=CHAT), Named(realtime=(ROOMS,))])
def test_addresses_elsewhere_do_not_go_with_the_local_store_and_bus(named, stack):
    with pytest.raises(Unclear) as refused:
        local_or_named(named, {}, stack)
    assert ("--url" in str(refused.value)) == (named.url is None)
    for name in (*NAMED, "--project"):
        assert (name in str(refused.value)) == (name != "CONFAB_REALTIME_URLS" or not named.realtime), name


@pytest.mark.parametrize(
    "change",
    [
        *({name: ""} for name in NAMED),
        {"GOOGLE_CLOUD_PROJECT": "demo-confab"},
        {"PUBSUB_EMULATOR_HOST": "127.0.0.1:8085"},
        {"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"},
    ],
    ids=str,
)
def test_nothing_of_a_system_elsewhere_is_left_to_this_machine(change, stack):
    with pytest.raises(Unclear, match=next(iter(change))):
        local_or_named(Named(url=CHAT), NAMED | change, stack)


def test_what_is_skipped_or_given_need_not_be_known(nothing):
    unknown = dict.fromkeys(("SURREALDB_URL", "SURREALDB_USER", "SURREALDB_PASSWORD"), "")
    named = Named(url=CHAT, realtime=(ROOMS,), skipped={"store"})
    assert local_or_named(named, NAMED | unknown | {"CONFAB_REALTIME_URLS": ""}, nothing).realtime == (ROOMS,)


@pytest.mark.parametrize("url", ["http://localhost:5000", "http://127.0.0.2:5000", "http://[::1]:5000"])
def test_this_machine_has_several_names(url, stack):
    assert local_or_named(Named(url=url), {}, stack).web == url


def test_a_deployed_stack_knows_its_addresses_variables_and_credentials(outputs):
    system = deployed("my-project", "production", Named(), Pulumi(json.dumps(outputs)))
    assert system.web == "https://my-site.web.app"
    assert set(system.realtime) == set(outputs["realtimeUrls"])
    assert set(system.config.addresses) == {"main", "b", "c"}
    assert system.config.allowed_origins[0] == system.web
    assert (system.config.project, system.config.max_page) == ("my-project", 100)
    assert (system.config.surrealdb_url, system.config.pubsub_emulator_host) == ("wss://store.example", None)
    assert {system.config.surrealdb_user, system.config.surrealdb_password} == set(SECRETS.values())


def test_the_command_line_may_name_other_addresses_than_the_stack(outputs):
    named = Named(url=CHAT, realtime=(ROOMS,), skipped={"store"})
    system = deployed("my-project", "production", named, Pulumi(json.dumps(outputs)))
    assert (system.web, system.realtime) == (CHAT, (ROOMS,))


@pytest.mark.parametrize("outputs", ["", "[]", "{}", '{"webUrl": "https://x.example"}'])
def test_a_stack_that_does_not_say_where_it_is(outputs):
    with pytest.raises(Unclear, match="production"):
        deployed("my-project", "production", Named(), Pulumi(outputs))


def test_a_stack_of_another_project_or_none(outputs):
    with pytest.raises(Unclear, match="my-project, not another"):
        deployed("another", "production", Named(), Pulumi(json.dumps(outputs)))
    with pytest.raises(Unclear, match="no stack named so"):
        deployed("my-project", "staging", Named(), Pulumi(json.dumps(outputs)))


def test_the_command_refuses_what_is_unclear(monkeypatch, capsys):
    for name in {field.alias for field in config.Config.model_fields.values()}:
        monkeypatch.delenv(name, raising=False)
    assert doctor.main(["--url", CHAT]) == 2
    assert "--project" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "")
    assert doctor.main(["--project", "my-project"]) == 2
    assert "pulumi" in capsys.readouterr().err
