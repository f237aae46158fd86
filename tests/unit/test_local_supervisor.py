import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from infra.local import guard

ROOT = Path(__file__).parents[2]
ENDS_WITHIN_S = 30


class Toys:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, start: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(start):
                return
        raise AssertionError(self.lines)

    def end(self) -> int:
        rest, _ = self.process.communicate(timeout=ENDS_WITHIN_S)
        self.lines += rest.splitlines()
        return self.process.returncode


@contextmanager
def toys(folder: Path, case: str) -> Iterator[Toys]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.toy_stack", str(folder), case],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Toys(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=ENDS_WITHIN_S)
        assert processes(folder) == {}


def processes(folder: Path) -> dict[int, str]:
    """The ids and names of a folder's live toys and of their groups' watchers."""
    found = {}
    for process in psutil.process_iter(["cwd", "cmdline"]):
        command = process.info["cmdline"]
        if process.info["cwd"] == str(folder) and command:
            found[process.pid] = "watcher" if guard.__file__ in command else command[-1]
    return found


def test_services_stop_in_the_reverse_order_although_nobody_reads_the_output(tmp_path):
    with toys(tmp_path, "loyal") as run:
        run.until("ready toys")
        assert [line.split()[0] for line in run.lines] == ["ground", "first", "roof", "ready"]
        assert run.process.stdout is not None
        run.process.stdout.close()
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(ENDS_WITHIN_S) == 0
        run.process.stdout = None
    assert (tmp_path / "stopped").read_text().split() == ["roof", "first", "ground"]


def test_a_service_that_does_not_stop_in_time_is_killed(tmp_path):
    with toys(tmp_path, "stubborn") as run:
        run.until("ready toys")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
    assert "stubborn did not stop within 0.5 s: killed" in run.lines


def test_a_second_interrupt_kills(tmp_path):
    with toys(tmp_path, "endless") as run:
        run.until("ready toys")
        run.process.send_signal(signal.SIGINT)
        run.until("stopping")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 130
    assert "killing" in run.lines


def test_a_process_that_left_its_session_is_found(tmp_path):
    with toys(tmp_path, "deserted") as run:
        run.until("ready toys")
        assert sorted(processes(tmp_path).values()) == ["deserted", "deserted", "watcher"]
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
        assert processes(tmp_path) == {}


def test_no_process_outlives_a_killed_supervisor(tmp_path):
    with toys(tmp_path, "stubborn") as run:
        run.until("ready toys")
        run.process.kill()
        run.process.wait()
        deadline = time.monotonic() + ENDS_WITHIN_S
        while processes(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (tmp_path / "stopped").read_text().split() == ["ground"]


@pytest.mark.parametrize(
    ("case", "failure", "log"),
    [
        ("mute", "mute was not ready after 2 s; the end of ", ["still busy"]),
        ("broken", "broken ended with exit code 1; the end of ", ["a reason"]),
        ("restless", "restless ended with exit code 1, 4 times", ["ready", "enough"]),
    ],
)
def test_a_service_that_fails_ends_the_stack_with_the_end_of_its_log(tmp_path, case, failure, log):
    with toys(tmp_path, case) as run:
        assert run.end() == 1
    (at,) = [number for number, line in enumerate(run.lines) if line.startswith(failure)]
    assert f"{tmp_path}/{case}.log:" in run.lines[at]
    assert run.lines[at + 1 : at + 1 + len(log)] == [f"    {line}" for line in log]
    restarts = run.lines.count(f"{case} ended with exit code 1; restarting it")
    assert restarts == (3 if case == "restless" else 0)
    assert not (tmp_path / "next.log").exists()


def test_a_server_that_dies_is_restarted(tmp_path):
    with toys(tmp_path, "loyal") as run:
        run.until("ready toys")
        (pid,) = [pid for pid, name in processes(tmp_path).items() if name == "first"]
        os.kill(pid, signal.SIGKILL)
        run.until("first ended with exit code -9; restarting it")
        run.until("first ")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
    assert (tmp_path / "stopped").read_text().split() == ["roof", "first", "ground"]
    assert (tmp_path / "first.previous.log").read_text() == "ready\n"
