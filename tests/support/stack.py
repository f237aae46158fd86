"""The real local stack on free ports and a data folder of its own, to be used and ended."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.support.inherited import inherited

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 100.0
GONE_WITHIN_S = 45.0
_MARK = "TEST_STACK"


class Stack:
    """One run of `python -m infra.local`; its processes carry a mark by which they are found."""

    def __init__(self, data: Path, **env: str) -> None:
        self.data = data
        self.mark = uuid.uuid4().hex
        self._said = data.with_name(f"{data.name}-{self.mark}.said")
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local", "--data", str(data), "--move"],
                cwd=ROOT,
                env={**inherited(measured=True), **env, _MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The supervisor's."""
        return self._process.pid

    @property
    def lines(self) -> list[str]:
        """What it has printed so far."""
        return self._said.read_text().splitlines()

    @property
    def url(self) -> str:
        """The web app's."""
        return str(self._described["web"])

    @property
    def realtime(self) -> list[str]:
        """The URLs of the realtime instances."""
        return self.env["CONFAB_REALTIME_URLS"].split(",")

    @property
    def env(self) -> Mapping[str, str]:
        """The variables that point at the stack."""
        return dict(self._described["env"])

    @property
    def auth(self) -> str:
        """The Auth emulator's URL."""
        return f"http://{self.env['FIREBASE_AUTH_EMULATOR_HOST']}"

    @property
    def _described(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads((self.data / "stack.json").read_text())
        return described

    def wait_for(self, start: str, *, times: int = 1) -> str:
        """The line that begins so, or the n-th one; fails with everything said if the stack ends first."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            found = [line for line in self.lines if line.startswith(start)]
            if len(found) >= times:
                return found[times - 1]
            assert not ended, "\n".join(self.lines)
            time.sleep(0.05)
        raise AssertionError("\n".join(self.lines))

    def processes(self) -> dict[int, str]:
        """The process ids and commands of everything alive that this stack started, and itself."""
        return {each.pid: " ".join(each.info["cmdline"] or ()) for each in self._alive("cmdline")}

    def kill_listener(self, url: str) -> None:
        """Send SIGKILL to the process of this stack that serves a URL."""
        port = int(url.rsplit(":", 1)[1])
        for process in self._alive("net_connections"):
            for each in process.info["net_connections"]:
                if each.status == psutil.CONN_LISTEN and each.laddr.port == port:
                    process.kill()

    def _alive(self, *attributes: str) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["environ", *attributes])
            if (process.info["environ"] or {}).get(_MARK) == self.mark
        ]

    def end(self) -> int:
        """Interrupt it as Ctrl-C does; the exit code. Whatever outlives it is killed and fails the test."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(GONE_WITHIN_S)
        finally:
            left = self.processes()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        assert not left, left
        return code


@contextmanager
def running_stack(data: Path, **env: str) -> Iterator[Stack]:
    """A stack that is ready; ended afterwards. `env` overrides variables; ports are always free ones."""
    stack = Stack(data, **env)
    try:
        stack.wait_for("ready ")
        yield stack
    finally:
        stack.end()
