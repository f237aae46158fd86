"""The realtime image: its files and requirements suffice, and its Dockerfile is as intended."""

import asyncio
import re
import shutil
import stat
import subprocess
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from confab import config
from infra.allocator import MALLOC
from infra.deploy import image as images
from infra.deploy.target import ROOT
from infra.probes.realtime import realtime
from infra.probes.system import System
from tests.deploy.image import BUILD, CODE, CONFINED, FINAL, LOCK, Image, context
from tests.support.probes import found, outcome
from tests.support.processes import Server, answers
from tests.support.pubsub import closed_port, pubsub_server
from tests.support.surrealdb import PASSWORD, USER, surreal_server


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


def container(image: Image, folder: Path, **deployment: str) -> Server:
    """The container's process, with the image's environment and what a deployment sets; close it."""
    return Server(
        "realtime",
        (*CONFINED, *image.command("ENTRYPOINT")),
        env={**image.env, **deployment},
        folder=folder,
        ready=answers("/readyz", 200),
        cwd=image.app,
    )


async def health_check(image: Image, port: int) -> int:
    process = await asyncio.create_subprocess_exec(
        *image.command("HEALTHCHECK CMD"),
        env={**image.env, "PORT": str(port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


@pytest.mark.skipif(not CONFINED, reason="only Linux has namespaces")
def test_its_processes_write_nowhere_and_hold_no_capability(image):
    script = "touch $0/written /tmp/written /dev/shm/written && exit 1; cat /proc/self/status"
    command = [*CONFINED, "sh", "-c", script, str(image.app)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert done.stderr.count("Read-only file system") == 3
    status = dict(re.findall(r"^(\w+):\t(\S+)", done.stdout, re.MULTILINE))
    assert (status["Uid"], status["NoNewPrivs"]) == (FINAL.texts("USER")[0].partition(":")[0], "1")
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}


async def test_it_serves_and_ends_on_sigterm(image, tmp_path):
    before = set(image.app.rglob("*"))
    async with surreal_server(tmp_path / "store") as store, pubsub_server() as bus:
        server = container(
            image,
            tmp_path,
            SURREALDB_URL=store.url,
            SURREALDB_USER=USER,
            SURREALDB_PASSWORD=PASSWORD,
            GOOGLE_CLOUD_PROJECT="demo-confab",
            HOST="127.0.0.1",  # with emulators it serves nobody else
            PUBSUB_EMULATOR_HOST=bus.address,
            FIREBASE_AUTH_EMULATOR_HOST=closed_port(),
        )
        try:
            await server.start()
            assert server.log.read_text().splitlines()[0] == f"ready http://127.0.0.1:{server.port}"
            assert await health_check(image, server.port) == 0
            results = await found(partial(realtime, System(config.load({}), "", (server.url,)), server.url))
            assert set(outcome(results).values()) == {"ok"}
            assert await server.terminate() == 0
            assert await health_check(image, server.port) != 0
        finally:
            await server.close()
    assert set(image.app.rglob("*")) == before, "a container writes nothing into its image"


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"K_SERVICE": "confab-realtime"}, "SURREALDB_URL is required on Cloud Run"),
        ({"SURREALDB_URL": "wss://db.example"}, "HOST: must be on loopback while"),  # and no project
    ],
)
async def test_a_missing_variable_ends_it_with_the_variables_name(image, tmp_path, env, why):
    server = container(image, tmp_path, **env)
    await server.launch()
    assert await server.exit_code() == 1
    assert why in server.log.read_text()
    await server.close()


def test_it_has_its_requirements_its_code_and_nothing_else(image):
    wanted = {"aiohttp", "websockets", "firebase-admin", "google-cloud-pubsub"}
    for_developers = {"pytest", "mypy", "ruff", "hypothesis", "surrealdb-embedded", "python-socketio", "pip"}
    assert wanted <= image.installed.keys() - for_developers == image.installed.keys()
    given = {path for path in context() if CODE not in path.parents}
    assert {path.suffix for path in context() if CODE in path.parents} == {".py", ".surql"}
    copied = {word for text in BUILD.texts("COPY") for word in text.split()[:-1]}
    assert copied == {str(CODE), *map(str, given - {Path("infra/realtime.Dockerfile")})}
    assert copied == {str(CODE), LOCK}
    for path in image.app.rglob("*"):  # its user may read and not write
        assert path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH) == stat.S_IROTH, path


def test_the_dockerfile_builds_from_pinned_bases_and_the_image_runs_without_a_shell_or_root():
    assert BUILD.base == FINAL.base
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", FINAL.base)
    for word in ("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK CMD"):  # a shell in between would swallow SIGTERM
        assert all(command[0] == "python" for stage in (BUILD, FINAL) for command in stage.commands(word))
    (pip,) = (command for command in BUILD.commands("RUN") if "pip" in command)
    assert {"--require-hashes", "--only-binary=:all:"} <= set(pip)
    assert ("--requirement", Path(LOCK).name) in pairwise(pip)
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
