"""The realtime image: its files and requirements suffice, and its Dockerfile is as intended."""

import asyncio
import re
import shutil
import signal
import stat
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import yaml

from confab import config
from infra.allocator import MALLOC
from infra.deploy import image as images
from infra.deploy.target import ROOT
from infra.probes.realtime import realtime
from infra.probes.system import System
from tests.deploy.dockerfile import context
from tests.deploy.image import BUILD, FINAL, Image
from tests.support.probes import found, outcome
from tests.support.pubsub import closed_port, pubsub_server
from tests.support.surrealdb import PASSWORD, USER, surreal_server

READY_WITHIN_S = 20
GONE_WITHIN_S = 8


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


async def started(image: Image, **deployment: str) -> Process:
    """The container's process: the image's environment, and what a deployment sets."""
    return await asyncio.create_subprocess_exec(
        *image.command(FINAL.only("ENTRYPOINT").command),
        cwd=image.app,
        env={**image.env, **deployment},
        stdout=PIPE,
        stderr=STDOUT,
    )


async def health_check(image: Image, port: str) -> int | None:
    process = await asyncio.create_subprocess_exec(
        *image.command(FINAL.only("HEALTHCHECK").command),
        env={**image.env, "PORT": port},
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
            PUBSUB_EMULATOR_HOST=bus.address,
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


async def test_it_serves_and_ends_on_sigterm(image, tmp_path):
    before = set(image.app.rglob("*"))
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
    assert set(image.app.rglob("*")) == before, "a container writes nothing into its image"


async def test_a_missing_variable_ends_it_with_the_variables_name(image):
    process = await started(image, K_SERVICE="confab-realtime")
    async with asyncio.timeout(READY_WITHIN_S):
        output, _ = await process.communicate()
    assert process.returncode == 1
    assert b"SURREALDB_URL is required on Cloud Run" in output


def test_it_has_its_requirements_and_no_development_tools(image):
    assert {
        "aiohttp",
        "python-socketio",
        "websockets",
        "firebase-admin",
        "google-cloud-pubsub",
    } <= image.installed.keys()
    for_developers = {"pytest", "mypy", "ruff", "hypothesis", "surrealdb-embedded", "playwright", "pip"}
    assert not image.installed.keys() & for_developers
    given = {str(path) for path in context(ROOT)}
    code = {path for path in given if path.startswith("functions/confab/")}
    assert {Path(path).suffix for path in code} == {".py", ".surql"}
    assert given - code == {
        "constraints.txt",
        "functions/requirements.txt",
        "infra/realtime-requirements.txt",
        "infra/realtime.Dockerfile",
    }
    copied = {word for one in BUILD.instructions if one.word == "COPY" for word in one.text.split()[:-1]}
    assert copied == {"functions/confab", *given - code - {"infra/realtime.Dockerfile"}}


def test_every_user_may_read_the_code_and_only_the_owner_may_write(image):
    for path in image.app.rglob("*"):
        assert path.stat().st_mode & stat.S_IROTH, path
        assert not path.stat().st_mode & stat.S_IWOTH, path


def test_code_packages_and_standard_library_are_compiled_and_not_checked():
    """The base image has no bytecode of the library, and the user could not write any."""
    compiled = [
        one.command
        for stage in (BUILD, FINAL)
        for one in stage.instructions
        if one.word == "RUN" and "compileall" in one.text
    ]
    assert [command[-1] for command in compiled] == ["/opt/confab", "/usr/local/lib/python3.11"]
    assert all("unchecked-hash" in command for command in compiled)
    assert BUILD.instructions[-1].command == compiled[0]  # after all code is there


def test_the_final_stage_copies_the_code_to_its_path_in_the_build_and_does_not_run_as_root():
    """Otherwise tracebacks name the build's folders, and the virtual environment's scripts fail."""
    source, target = FINAL.only("COPY").text.split()
    assert (source, FINAL.only("WORKDIR").text) == (target, f"{target}/app")
    uid, gid = map(int, FINAL.only("USER").text.split(":"))
    assert min(uid, gid) > 1000


def test_bases_are_the_same_and_pinned_and_commands_in_exec_form():
    """A shell in between would swallow SIGTERM."""
    assert BUILD.base == FINAL.base
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", FINAL.base)
    for instruction in (*BUILD.instructions, *FINAL.instructions):
        if instruction.word in {"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"}:
            assert instruction.command


def test_the_environment_has_no_secret_and_returns_memory_to_the_system():
    env = FINAL.only("ENV").variables
    ours = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOST", "PORT"}
    assert set(env) == ours | MALLOC.keys()
    assert env.items() >= MALLOC.items()


def test_its_tag_changes_with_every_file_of_the_build(tmp_path):
    files = [*context(ROOT), Path(".dockerignore")]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    tag = images.tag(tmp_path)
    assert tag == images.tag(ROOT)
    (tmp_path / "functions/confab/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "functions/confab/__pycache__/x.pyc").write_text("x")
    assert images.tag(tmp_path) == tag
    for file in files:
        content = (tmp_path / file).read_bytes()
        (tmp_path / file).write_bytes(content + b"\n")
        assert images.tag(tmp_path) != tag, file
        (tmp_path / file).write_bytes(content)


def test_cloud_build_builds_the_dockerfile_and_pushes_the_image():
    build = yaml.safe_load((ROOT / "infra/deploy/cloudbuild.yaml").read_text())
    (step,) = build["steps"]
    assert (ROOT / step["args"][1].removeprefix("--file=")).exists()
    assert step["args"][2] == "--tag=$_IMAGE"
    assert build["images"] == ["$_IMAGE"]
