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
from itertools import pairwise
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
from tests.deploy.image import BUILD, CODE, FINAL, REQUIREMENTS, Image, context
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
        *image.command("ENTRYPOINT"),
        cwd=image.app,
        env={**image.env, **deployment},
        stdout=PIPE,
        stderr=STDOUT,
    )


async def health_check(image: Image, port: str) -> int | None:
    process = await asyncio.create_subprocess_exec(
        *image.command("HEALTHCHECK CMD"),
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


def test_it_has_its_requirements_its_code_and_nothing_else(image):
    wanted = {"aiohttp", "python-socketio", "websockets", "firebase-admin", "google-cloud-pubsub"}
    for_developers = {"pytest", "mypy", "ruff", "hypothesis", "surrealdb-embedded", "playwright", "pip"}
    assert wanted <= image.installed.keys() - for_developers == image.installed.keys()
    assert "\n-r ../functions/requirements.txt\n" in (ROOT / REQUIREMENTS[0]).read_text()
    given = {path for path in context() if CODE not in path.parents}
    assert {path.suffix for path in context() if CODE in path.parents} == {".py", ".surql"}
    copied = {word for text in BUILD.texts("COPY") for word in text.split()[:-1]}
    assert copied == {str(CODE), *map(str, given - {Path("infra/realtime.Dockerfile")})}
    assert copied == {str(CODE), "constraints.txt", *REQUIREMENTS}
    for path in image.app.rglob("*"):  # its user may read and not write
        assert path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH) == stat.S_IROTH, path


def test_the_dockerfile_builds_from_pinned_bases_and_the_image_runs_without_a_shell_or_root():
    assert BUILD.base == FINAL.base
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", FINAL.base)
    for word in ("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK CMD"):  # a shell in between would swallow SIGTERM
        assert all(command[0] == "python" for stage in (BUILD, FINAL) for command in stage.commands(word))
    (pip,) = (command for command in BUILD.commands("RUN") if "pip" in command)
    assert dict(pairwise(pip)).items() >= {
        ("--requirement", "infra/realtime-requirements.txt"),
        ("--constraint", "constraints.txt"),
    }
    # Code, packages and the library are compiled at last: the user could not write any bytecode.
    for stage, folder in ((BUILD, "/opt/confab"), (FINAL, "/usr/local/lib/python3.11")):
        compiled = stage.commands("RUN")[-1]
        assert {"compileall", "unchecked-hash", folder} <= set(compiled)
    assert BUILD.lines[-1].startswith("RUN")
    # Otherwise tracebacks name the build's folders, and the virtual environment's scripts fail.
    assert FINAL.texts("COPY") == ["/opt/confab /opt/confab"]
    assert FINAL.texts("WORKDIR") == ["/opt/confab/app"]
    assert FINAL.texts("USER") == ["10001:10001"]
    ours = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOST", "PORT"}
    assert FINAL.variables.keys() == ours | MALLOC.keys()  # no secret
    assert FINAL.variables.items() >= MALLOC.items()


def test_its_tag_changes_with_every_file_of_the_build(tmp_path):
    files = [*context(), Path(".dockerignore"), Path("functions/confab/__pycache__/x.pyc")]
    for file in files[:-1]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    tag = images.tag(tmp_path)
    assert tag == images.tag(ROOT)
    (tmp_path / files[-1]).parent.mkdir()
    for file in files:
        copy = tmp_path / file
        content = copy.read_bytes() if copy.exists() else b""
        copy.write_bytes(content + b"\n")
        assert (images.tag(tmp_path) == tag) is (file.suffix == ".pyc"), file
        copy.write_bytes(content)


def test_cloud_build_builds_the_dockerfile_and_pushes_the_image():
    build = yaml.safe_load((ROOT / "infra/deploy/cloudbuild.yaml").read_text())
    (step,) = build["steps"]
    assert (ROOT / step["args"][1].removeprefix("--file=")).exists()
    assert step["args"][2] == "--tag=$_IMAGE"
    assert build["images"] == ["$_IMAGE"]
