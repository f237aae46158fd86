"""The parts of the deploy command that its fakes do not reach."""

import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from confab.store import schema
from confab.store.session import Session
from infra.deploy import image, looks
from infra.deploy.plan import release, settings
from infra.deploy.runner import Command, DeployError, Runner
from infra.deploy.target import ROOT, Target
from tests.deploy.dockerfile import context
from tests.support.inherited import inherited
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, migrate, surreal_server


def target(**env: str) -> Target:
    return Target("trial", "us-central1", "production", None, env)


def python(script: str, *, stdin: str = "", deadline_s: float = 10) -> Command:
    return Command("a step", (sys.executable, "-c", script), deadline_s, stdin=stdin)


def test_a_command_that_takes_too_long_is_ended_and_named(capfd):
    begin = time.monotonic()
    with pytest.raises(DeployError, match=r"^a step: not done in 1 s$"):
        Runner({}).run(python("import time; time.sleep(60)", deadline_s=1))
    assert time.monotonic() - begin < 10


def test_a_command_is_printed_before_what_it_prints_itself(capfd):
    Runner({}).run(python("print('its own')"))
    printed = capfd.readouterr().out
    assert printed.index("$ ") < printed.index("its own\n")


def test_what_a_command_reads_is_not_printed(capfd):
    Runner({}).run(python("import sys; assert len(sys.stdin.read()) == 4", stdin="hush"))
    assert "hush" not in capfd.readouterr().out
    assert "hush" not in repr(python("", stdin="hush"))


def test_a_tool_that_is_not_there_is_an_answer_and_an_error():
    assert Runner({}).ask("no-such-tool").trouble == "no-such-tool: No such file or directory"
    with pytest.raises(DeployError, match="no-such-tool is not on the PATH"):
        Runner({}).run(Command("x", ("no-such-tool",), 1))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SurrealServer]:
    async with surreal_server(tmp_path, migrated=False) as server:
        yield server


async def test_a_store_is_good_with_the_schema_and_without_it_but_not_when_it_is_away(store):
    env = {**inherited(measured=False), "SURREALDB_URL": store.url, "SURREALDB_USER": USER}
    env["SURREALDB_PASSWORD"] = PASSWORD
    look, place = looks.store, target(**env)
    assert look(Runner(env), place) is None
    await migrate(store)
    assert look(Runner(env), place) is None
    wrong = env | {"SURREALDB_PASSWORD": "wrong"}
    assert "NotAllowed" in (look(Runner(wrong), target(**wrong)) or "")
    await store.stop()
    assert look(Runner(env), place) is not None


async def test_a_store_that_is_too_new_stops_a_deployment(store):
    env = {**inherited(measured=False), "SURREALDB_URL": store.url, "SURREALDB_USER": USER}
    env["SURREALDB_PASSWORD"] = PASSWORD
    session = await Session.open(store.account(), define=True)
    newer = schema.VERSION + 1
    step = schema.Migration("DEFINE FIELD extra ON message TYPE option<string>;", oldest=newer)
    await schema.migrate(session, [*schema.MIGRATIONS, step])
    assert schema.TOO_NEW in (looks.store(Runner(env), target(**env)) or "")
    await session.query("UPDATE schema:version SET oldest = $oldest", {"oldest": schema.VERSION})
    assert looks.store(Runner(env), target(**env)) is None
    await session.close()


async def test_the_planned_migration_puts_the_schema_in_place(store, capfd):
    env = {**inherited(measured=False), "SURREALDB_URL": store.url, "SURREALDB_USER": USER}
    env["SURREALDB_PASSWORD"] = PASSWORD
    migration, functions = release(target(**env))
    assert functions.words[:2] == ("pulumi", "up")
    Runner(env).run(migration)
    assert "migrated to schema version" in capfd.readouterr().out


def test_another_place_for_the_tables_is_passed_on():
    env = dict.fromkeys(("SURREALDB_URL", "SURREALDB_USER", "SURREALDB_PASSWORD"), "x")
    commands = settings(target(**env, SURREALDB_NAMESPACE="n", SURREALDB_DATABASE="d"), "image:tag")
    words = next(command.words for command in commands if "set-all" in command.words)
    assert {"confab:storeNamespace=n", "confab:storeDatabase=d"} <= set(words)


def test_the_tag_is_that_of_all_that_the_build_is_given(tmp_path):
    files = [*context(ROOT), Path(".dockerignore")]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    tag = image.tag(tmp_path)
    assert tag == image.tag(ROOT)
    (tmp_path / "functions/confab/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "functions/confab/__pycache__/x.pyc").write_text("x")
    assert image.tag(tmp_path) == tag
    for file in (files[0], files[-1], files[len(files) // 2]):
        content = (tmp_path / file).read_bytes()
        (tmp_path / file).write_bytes(content + b"\n")
        assert image.tag(tmp_path) != tag
        (tmp_path / file).write_bytes(content)


def test_the_build_is_of_the_dockerfile_and_pushes_the_image_it_is_told():
    config = yaml.safe_load((ROOT / "infra/deploy/cloudbuild.yaml").read_text())
    (step,) = config["steps"]
    assert (ROOT / step["args"][1].removeprefix("--file=")).exists()
    assert step["args"][2] == "--tag=$_IMAGE"
    assert config["images"] == ["$_IMAGE"]
