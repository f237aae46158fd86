"""The realtime image: its Dockerfile's steps carried out in a clean folder, its entry point run there."""

import asyncio
import importlib.util
import re
import signal
import stat
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from confab import config
from infra.allocator import MALLOC
from infra.probes.realtime import realtime
from infra.probes.system import System
from tests.deploy.dockerfile import context, stages
from tests.deploy.image import STANDARD_LIBRARY, Builder, Image
from tests.support.probes import found, outcome
from tests.support.pubsub import closed_port, pubsub_server
from tests.support.surrealdb import PASSWORD, USER, surreal_server

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "infra/realtime.Dockerfile"
READY_WITHIN_S = 20
GONE_WITHIN_S = 8
UNCHECKED_HASH = 1

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Builder(ROOT, tmp_path_factory.mktemp("image")).build(DOCKERFILE)


def files(image: Image) -> Iterator[Path]:
    return (path for path in image.root.rglob("*") if path.is_file())


async def started(image: Image, **deployment: str) -> Process:
    """The container's process: the image's environment, and what a deployment sets."""
    return await asyncio.create_subprocess_exec(
        *image.command(image.stage.only("ENTRYPOINT").command),
        cwd=image.inside("."),
        env={**image.run_env(), **deployment},
        stdout=PIPE,
        stderr=STDOUT,
    )


async def health_check(image: Image, port: str) -> int | None:
    process = await asyncio.create_subprocess_exec(
        *image.command(image.stage.only("HEALTHCHECK").command),
        env={**image.run_env(), "PORT": port},
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


@asynccontextmanager
async def container(image: Image, folder: Path) -> AsyncIterator[tuple[Process, str]]:
    """The container beside a store and a bus, ready; its process and port."""
    port = closed_port().rsplit(":", 1)[1]
    async with surreal_server(folder) as store, pubsub_server() as bus:
        process = await started(
            image,
            PORT=port,
            SURREALDB_URL=store.url,
            SURREALDB_USER=USER,
            SURREALDB_PASSWORD=PASSWORD,
            GOOGLE_CLOUD_PROJECT="demo-confab",
            PUBSUB_EMULATOR_HOST=bus.host,
            FIREBASE_AUTH_EMULATOR_HOST=closed_port(),
        )
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                assert process.stdout is not None
                line = (await process.stdout.readline()).decode()
                assert line == f"ready http://0.0.0.0:{port}\n"
            yield process, port
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def test_it_serves_and_leaves_when_it_is_told_to(image, tmp_path):
    before = set(files(image))
    async with container(image, tmp_path) as (process, port), httpx.AsyncClient(trust_env=False) as http:
        url = f"http://127.0.0.1:{port}"
        assert (await http.get(f"{url}/healthz")).json() == {"status": "alive"}
        async with asyncio.timeout(READY_WITHIN_S):
            while (answer := await http.get(f"{url}/readyz")).status_code != 200:
                assert "keys" not in answer.json()["missing"]
                await asyncio.sleep(0.1)
        assert await health_check(image, port) == 0
        results = await found(partial(realtime, System(config.load({}), "", (url,)), url))
        assert set(outcome(results).values()) == {"ok"}
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(GONE_WITHIN_S):
            assert await process.wait() == 0
        assert await health_check(image, port) != 0
    assert set(files(image)) == before, "a container writes nothing into its image"


async def test_a_deployment_that_forgets_something_stops_it_with_its_name(image):
    process = await started(image, K_SERVICE="confab-realtime")
    async with asyncio.timeout(READY_WITHIN_S):
        output, _ = await process.communicate()
    assert process.returncode == 1
    assert b"SURREALDB_URL is required on Cloud Run" in output


def test_every_module_is_compiled_and_trusted_unread(image):
    for source in image.root.rglob("*.py"):
        compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH, source


def test_the_standard_library_is_compiled_as_well(image):
    """The base image has no bytecode of it, and this user could not write any."""
    assert list((image.root / STANDARD_LIBRARY).rglob("__pycache__/*.pyc"))


def test_the_code_is_where_it_was_compiled(image):
    """Else tracebacks would name the build's folders, and the virtual environment's scripts would not run."""
    source, target = image.stage.only("COPY").text.split()
    assert source == target


def test_it_holds_the_code_and_what_it_needs_and_nothing_else(image):
    code = image.inside("confab")
    held = {path.relative_to(code) for path in code.rglob("*") if path.suffix in {".py", ".surql"}}
    source = ROOT / "functions/confab"
    written = {path.relative_to(source) for path in source.rglob("*") if path.suffix in {".py", ".surql"}}
    assert held == written
    assert {path.name for path in image.inside(".").iterdir()} == {"confab"}
    assert {path.name for path in image.root.iterdir()} == {"opt", "usr"}
    names = {path.name.split("-")[0].lower() for path in image.packages.glob("*.dist-info")}
    assert {"aiohttp", "python_socketio", "websockets", "firebase_admin", "google_cloud_pubsub"} <= names
    for_developers = {"pytest", "mypy", "ruff", "hypothesis", "surrealdb_embedded", "playwright"}
    assert not names & (for_developers | {"pip"})


def test_any_user_may_read_it_and_none_but_root_may_write(image):
    for path in [image.inside("confab"), *image.inside("confab").rglob("*")]:
        mode = path.stat().st_mode
        assert mode & stat.S_IROTH, path
        assert not mode & stat.S_IWOTH, path


def test_it_is_not_run_as_root(image):
    uid, gid = map(int, image.user.split(":"))
    assert uid > 1000
    assert gid > 1000


def test_bases_are_pinned_and_the_same():
    bases = {stage.base for stage in stages(DOCKERFILE)}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases.pop())


def test_every_command_is_in_exec_form():
    """A shell in between would not pass SIGTERM on."""
    for stage in stages(DOCKERFILE):
        for instruction in stage.instructions:
            if instruction.word in {"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"}:
                assert instruction.command


def test_the_build_is_given_nothing_but_what_it_copies():
    given = {str(path) for path in context(ROOT)}
    assert {path for path in given if not path.startswith("functions/confab/")} == {
        "constraints.txt",
        "functions/requirements.txt",
        "infra/realtime-requirements.txt",
        "infra/realtime.Dockerfile",
    }
    assert not any("__pycache__" in path for path in given)


def test_no_secret_is_in_the_environment_of_the_image(image):
    ours = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOST", "PORT"}
    assert set(image.env) == ours | MALLOC.keys()


def test_memory_goes_back_to_the_system(image):
    assert image.env.items() >= MALLOC.items()
