import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

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
    """The ids and names of what lives of a folder's toys, each with the watcher of its group."""
    found = {}
    for process in psutil.process_iter(["cwd", "cmdline"]):
        command = process.info["cmdline"]
        if process.info["cwd"] == str(folder) and command:
            found[process.pid] = "watcher" if guard.__file__ in command else command[-1]
    return found


def test_services_stop_in_the_opposite_order(tmp_path: Path) -> None:
    with toys(tmp_path, "loyal") as run:
        run.until("ready toys")
        assert [line.split()[0] for line in run.lines] == ["ground", "first", "roof", "ready"]
        run.process.send_signal(signal.SIGTERM)
        assert run.end() == 0
    assert (tmp_path / "stopped").read_text().split() == ["roof", "first", "ground"]


def test_a_service_that_will_not_stop_is_killed_when_its_time_is_up(tmp_path: Path) -> None:
    with toys(tmp_path, "stubborn") as run:
        run.until("ready toys")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
    assert "stubborn did not stop within 0.5 s: killed" in run.lines


def test_a_second_interrupt_kills_at_once(tmp_path: Path) -> None:
    with toys(tmp_path, "endless") as run:
        run.until("ready toys")
        run.process.send_signal(signal.SIGINT)
        run.until("stopping")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 130
    assert "killing" in run.lines


def test_a_process_that_left_its_session_is_found(tmp_path: Path) -> None:
    with toys(tmp_path, "deserted") as run:
        run.until("ready toys")
        assert sorted(processes(tmp_path).values()) == ["deserted", "deserted", "watcher"]
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
        assert processes(tmp_path) == {}


def test_no_process_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    with toys(tmp_path, "stubborn") as run:
        run.until("ready toys")
        run.process.kill()
        run.process.wait()
        deadline = time.monotonic() + ENDS_WITHIN_S
        while processes(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (tmp_path / "stopped").read_text().split() == ["ground"]


def test_a_service_that_is_never_ready_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with toys(tmp_path, "mute") as run:
        assert run.end() == 1
    at = run.lines.index(f"mute was not ready after 2 s; the end of {tmp_path}/mute.log:")
    assert run.lines[at + 1] == "    still busy"


def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    with toys(tmp_path, "loyal") as run:
        run.until("ready toys")
        (pid,) = [pid for pid, name in processes(tmp_path).items() if name == "first"]
        os.kill(pid, signal.SIGKILL)
        run.until("first ended with exit code -9; starting it again")
        run.until("first ")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
    assert (tmp_path / "stopped").read_text().split() == ["roof", "first", "ground"]
    assert (tmp_path / "first.previous.log").read_text() == "ready\n"


def test_a_server_that_dies_again_and_again_ends_the_stack(tmp_path: Path) -> None:
    with toys(tmp_path, "restless") as run:
        assert run.end() == 1
    assert run.lines.count("restless ended with exit code 1; starting it again") == 3
    (at,) = [
        n for n, line in enumerate(run.lines) if line.startswith("restless ended with exit code 1, 4 times")
    ]
    assert run.lines[at + 1 : at + 3] == ["    ready", "    enough"]


def test_a_service_that_fails_keeps_the_next_from_starting(tmp_path: Path) -> None:
    with toys(tmp_path, "broken") as run:
        assert run.end() == 1
    at = run.lines.index(f"broken ended with exit code 1; the end of {tmp_path}/broken.log:")
    assert run.lines[at + 1] == "    a reason"
    assert not (tmp_path / "next.log").exists()


def test_services_stop_although_nobody_reads_what_is_said(tmp_path: Path) -> None:
    with toys(tmp_path, "loyal") as run:
        run.until("ready toys")
        assert run.process.stdout is not None
        run.process.stdout.close()
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(ENDS_WITHIN_S) == 0
        run.process.stdout = None
    assert (tmp_path / "stopped").read_text().split() == ["roof", "first", "ground"]
