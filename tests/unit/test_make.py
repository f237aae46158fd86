"""`make` reports what is missing before it installs anything; afterwards every documented command runs."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOO_OLD = """#!/bin/sh
exec {python} -c 'import sys; sys.version_info, sys.version = (3, 9, 2), "3.9.2"; exec(sys.argv[1])' "$2"
"""


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, with a minimal environment."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone before the installation."""
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copy(ROOT / "Makefile", clone)
    for name in ("functions", "infra", "public", "tests"):
        (clone / name).symlink_to(ROOT / name)
    (clone / "requirements-dev.txt").touch()  # so that an install would install nothing
    return clone


@pytest.fixture
def port_5000() -> Iterator[None]:
    """Another process has the port of Hosting."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # another process holds it
            holder.bind(("127.0.0.1", 5000))
            holder.listen()
        yield


@pytest.mark.usefixtures("port_5000")
def test_ports_are_checked_without_any_package_except_those_of_servers_in_use(tmp_path):
    """A stack that may move takes other ports, but a variable's port is where it says."""
    with socket.create_server(("127.0.0.1", 0)) as running, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        servers = {
            "SURREALDB_URL": f"ws://127.0.0.1:{running.getsockname()[1]}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{silent.getsockname()[1]}",
        }
        command = [sys.executable, "-S", "-m", "infra.local", "--check", "--move", f"--data={tmp_path}"]
        for env, taken in (({}, []), (servers, ["pubsub"])):
            checked = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            assert re.findall(r"port \d+, for (\w+),", checked.stderr) == taken
            assert checked.returncode == len(taken), checked.stderr


@pytest.mark.parametrize("words", [["--help"], ["up", "--help"]], ids=" ".join)
def test_the_help_of_a_deployment_needs_no_package(words):
    command = [sys.executable, "-S", "-m", "infra.deploy", *words]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("usage: python -m infra.deploy"), done.stderr
    command[-len(words) :] = ["up", "--project", "my-project"]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.partition(" is ")[2]) == (2, "not installed: make install\n")


@pytest.mark.parametrize(
    ("argument", "printed"), [("--help", "usage: python -m infra.local"), ("--reset", "")]
)
def test_options_that_start_nothing_install_nothing(clone, argument, printed):
    done = make(clone, "dev", f"ARGS={argument}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(printed)
    assert not (clone / ".venv").exists()


def refused(folder: Path, *words: str) -> str:
    """The complaint of make, which has done nothing before it."""
    done = make(folder, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert not (folder / ".venv").exists()
    return done.stderr


@pytest.mark.parametrize("goal", ["dev", "install", "reset"])
def test_a_python_that_is_too_old_is_reported_first(clone, tmp_path, goal):
    old = tmp_path / "python-old"
    old.write_text(TOO_OLD.format(python=sys.executable))
    old.chmod(0o755)
    start = f"Python 3.11 or newer is needed, and {old} is 3.9.2: make {goal} PYTHON="
    assert refused(clone, goal, f"PYTHON={old}").startswith(start)


@pytest.mark.parametrize("goal", ["deploy-check", "deploy", "prove", "destroy"])
def test_a_goal_that_lacks_its_project_is_refused_with_an_example(clone, goal):
    assert f"make {goal} PROJECT=my-project" in refused(clone, goal)


@pytest.mark.usefixtures("port_5000")
def test_a_taken_port_is_reported_before_anything_is_installed(clone):
    complaint = refused(clone, "dev")
    assert "port 5000, for hosting, is taken by " in complaint
    assert "stop that process, or let the stack take free ports: make dev ARGS=--move\n" in complaint


def commands() -> list[str]:
    """The modules that the documentation and the Makefile run."""
    pages = [ROOT / "README.md", ROOT / "Makefile", *ROOT.glob("docs/**/*.md")]
    text = "".join(page.read_text() for page in pages)
    return sorted(set(re.findall(r"python -m ((?:infra|confab|tests)\.\w[\w.]*)", text)))


HELP = """
import contextlib, io, json, runpy, sys
printed = {}
for module in sys.argv[1:]:
    sys.argv = [module, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.suppress(SystemExit):
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    printed[module] = output.getvalue()
print(json.dumps(printed))
"""


def test_every_documented_command_has_help_and_needs_no_variable():
    command = [sys.executable, "-c", HELP, *commands()]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert [name for name in printed if printed[name].startswith(f"usage: python -m {name} ")] == commands()
