import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from infra.local import guard
from infra.local.addresses import free_addresses
from infra.local.killing import offered
from infra.local.service import Service, prints
from infra.local.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
LOYAL = """
import signal, sys
from pathlib import Path
def leave(*_):
    with Path("stopped").open("a") as stopped:
        print(sys.argv[1], file=stopped)
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
while True:
    signal.pause()
"""
STUBBORN = LOYAL.replace("leave)", "signal.SIG_IGN)")
DESERTED = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    time.sleep(600)
os.wait()
print("ready", flush=True)
time.sleep(600)
"""
RESTLESS = "print('ready', flush=True); import time; time.sleep(0.1); raise SystemExit('enough')"
MUTE = "import time; print('still busy', flush=True); time.sleep(600)"
BROKEN = "raise SystemExit('a reason')"
PAGE = {"Origin": "http://127.0.0.1:5000"}


class Toys:
    """A supervisor over small programs, in this process, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._reactions: list[tuple[str, Callable[[], None]]] = []

    async def run(self, services: list[Service], *reactions: tuple[str, Callable[[], None]]) -> int:
        """Run them; each reaction follows on the next line that starts with its text."""
        self._reactions = [*reactions]
        supervisor = Supervisor(services, self.folder, self._say)
        self.kill = supervisor.kill
        return await supervisor.run(lambda: self._say("all are ready"))

    def toy(
        self, name: str, program: str = LOYAL, *, tier: int = 0, stop_s: float = 5, **more: Any
    ) -> Service:
        return Service(
            name=name,
            command=(sys.executable, "-c", program, name),
            env=os.environ,
            cwd=self.folder,
            ready=prints("ready"),
            announces={name: "toy"},
            tier=tier,
            stop_s=stop_s,
            **more,
        )

    def house(self) -> list[Service]:
        ground = self.toy("ground")
        first = self.toy("first", tier=1, after=("ground",))
        return [ground, first, self.toy("roof", tier=2, after=("first",))]

    def processes(self) -> dict[int, str]:
        """The ids and names of the live toys and of their groups' watchers."""
        found = {}
        for process in psutil.process_iter(["cwd", "cmdline"]):
            command = process.info["cmdline"]
            if process.info["cwd"] == str(self.folder) and command:
                found[process.pid] = "watcher" if guard.__file__ in command else command[-1]
        return found

    @property
    def stopped(self) -> list[str]:
        return (self.folder / "stopped").read_text().split()

    def _say(self, line: str) -> None:
        self.lines.append(line)
        if self._reactions and line.startswith(self._reactions[0][0]):
            _, react = self._reactions.pop(0)
            react()


@pytest.fixture
def toys(tmp_path):
    toys = Toys(tmp_path)
    yield toys
    assert toys.processes() == {}


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def test_services_start_after_those_they_need_and_stop_in_the_reverse_order(toys):
    assert await toys.run(toys.house(), ("all", interrupt)) == 0
    assert [line.split()[0] for line in toys.lines] == ["ground", "first", "roof", "all", "stopping"]
    assert toys.stopped == ["roof", "first", "ground"]


async def test_a_service_that_does_not_stop_in_time_is_killed(toys):
    assert await toys.run([toys.toy("stubborn", STUBBORN, stop_s=0.2)], ("all", interrupt)) == 0
    assert "stubborn did not stop within 0.2 s: killed" in toys.lines


async def test_a_second_interrupt_kills(toys):
    stubborn = toys.toy("stubborn", STUBBORN, stop_s=60)
    assert await toys.run([stubborn], ("all", interrupt), ("stopping", interrupt)) == 130
    assert "killing" in toys.lines


async def test_a_process_that_left_its_session_is_found(toys):
    def leave() -> None:
        assert sorted(toys.processes().values()) == ["deserted", "deserted", "watcher"]
        interrupt()

    assert await toys.run([toys.toy("deserted", DESERTED)], ("all", leave)) == 0


@pytest.mark.parametrize(
    ("case", "program", "failure", "log"),
    [
        ("mute", MUTE, "mute was not ready after 2 s; the end of ", ["still busy"]),
        ("broken", BROKEN, "broken ended with exit code 1; the end of ", ["a reason"]),
        ("restless", RESTLESS, "restless ended with exit code 1, 4 times", ["ready", "enough"]),
    ],
)
async def test_a_service_that_fails_ends_the_stack_with_the_end_of_its_log(toys, case, program, failure, log):
    services = [toys.toy(case, program, start_s=2), toys.toy("next", after=(case,))]
    assert await toys.run(services) == 1
    (said,) = [line.splitlines() for line in toys.lines if line.startswith(failure)]
    assert f"{toys.folder}/{case}.log:" in said[0]
    assert said[1:] == [f"    {line}" for line in log]
    restarts = toys.lines.count(f"{case} ended with exit code 1; restarting it")
    assert restarts == (3 if case == "restless" else 0)
    assert (toys.folder / "next.log").exists() is (case == "restless")


async def test_a_server_that_dies_is_restarted(toys):
    def kill() -> None:
        (pid,) = [pid for pid, name in toys.processes().items() if name == "first"]
        os.kill(pid, signal.SIGKILL)

    restarted = "first ended with exit code -9; restarting it"
    noted = ("all", kill), (restarted, lambda: None), ("first ", interrupt)
    assert await toys.run(toys.house(), *noted) == 0
    assert toys.stopped == ["roof", "first", "ground"]
    assert (toys.folder / "first.previous.log").read_text() == "ready\n"


async def test_the_page_alone_kills_a_ready_instance_which_is_restarted_however_often(toys):
    (at,) = free_addresses(1)
    ready = asyncio.Event()
    house = [*toys.house(), toys.toy("instance", tier=2, killable="here:1")]

    async def ask() -> None:
        await ready.wait()
        async with httpx.AsyncClient(base_url=f"http://{at}") as client:
            for method, path, headers, status in (
                ("GET", "/here:1", PAGE, 501),
                ("OPTIONS", "/here:1", PAGE, 501),
                ("POST", "/here:1", {"Origin": "http://127.0.0.1:5001"}, 403),
                ("POST", "/here:1", {}, 403),
                ("POST", "/first", PAGE, 404),
                ("POST", "/", PAGE, 404),
            ):
                answer = await client.request(method, path, headers=headers)
                assert (method, path, headers, answer.status_code) == (method, path, headers, status)
            for times in range(1, 6):
                async with asyncio.timeout(10):
                    while (answer := await client.post("/here:1", headers=PAGE)).status_code == 404:
                        await asyncio.sleep(0.02)
                    while toys.lines.count("instance ended with exit code -9; restarting it") < times:
                        await asyncio.sleep(0.02)
                allowed = answer.headers["Access-Control-Allow-Origin"]
                assert (answer.status_code, allowed) == (204, PAGE["Origin"])
        interrupt()

    async def kill(address: str) -> bool:
        killed: bool = await toys.kill(address)
        return killed

    with offered(at, PAGE.values(), kill):
        code, _ = await asyncio.gather(toys.run(house, ("all", ready.set)), ask())
    assert code == 0
    assert toys.stopped[-3:] == ["roof", "first", "ground"]


@pytest.mark.parametrize("program", [LOYAL, STUBBORN], ids=["loyal", "stubborn"])
def test_no_process_outlives_a_killed_supervisor(toys, program):
    """Its death closes the pipe that a watcher reads."""
    with subprocess.Popen(
        [sys.executable, "-IS", guard.__file__, "0.2", sys.executable, "-c", program, "orphan"],
        cwd=toys.folder,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.communicate(timeout=10)
    deadline = time.monotonic() + 10
    while toys.processes() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_lines_that_nobody_reads_do_not_interrupt_the_shutdown():
    script = "from infra.local.supervisor import say; input(); say('one'); say('two'); raise SystemExit(7)"
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        process.communicate(b"\n", timeout=10)
    assert process.returncode == 7
