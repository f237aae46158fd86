"""A service of the stack, its readiness probes, and its process."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import psutil

from infra.local import guard
from infra.local.addresses import answers_ok

MARK = "LOCAL_STACK_SERVICE"
"""The variable that identifies a service's descendants, whatever their session or parent."""
_TAIL_BYTES = 65_536
_TAIL_LINES = 20
_KILL_S = 5.0
_KILL_POLL_S = 0.02

Probe = Callable[["Process"], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program of the stack: its command, readiness and shutdown. Times in seconds."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    ready: Probe
    announces: Mapping[str, str]
    """The addresses that it serves once it is ready, by name."""
    after: tuple[str, ...] = ()
    """The services that must be ready before it starts."""
    tier: int
    """Higher tiers stop first; the services of a tier stop concurrently."""
    killable: str = ""
    """The address by which the page may kill it, if it may."""
    once: bool = False
    """Whether it is a startup step that ends by itself."""
    start_s: float = 30
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s: float = 5


class Process:
    """One run of a service, in its own session and process group, with its output in a log file."""

    def __init__(self, service: Service, log: Path, mark: str, child: asyncio.subprocess.Process) -> None:
        self.service = service
        self.log = log
        self.killed = False
        self._mark = mark
        self._child = child

    @classmethod
    async def start(cls, service: Service, log: Path, mark: str) -> Self:
        """Start the service with a new log file; its process group ends if this process dies.

        Keeps the previous run's log as `NAME.previous.log`.
        """
        with _new(log) as output:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-IS", guard.__file__, str(service.stop_s)),
                *service.command,
                env={**service.env, MARK: mark},
                cwd=service.cwd,
                start_new_session=True,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        return cls(service, log, mark, child)

    @property
    def exit_code(self) -> int | None:
        """None while it runs, negative if a signal ended it."""
        return self._child.returncode

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        return await self._child.wait()

    def kill(self) -> None:
        """End it as a crash would, on request."""
        self.killed = True
        self._child.kill()

    def output(self) -> str:
        """The last 64 KiB of its output."""
        with self.log.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace")

    def tail(self, lines: int = _TAIL_LINES) -> list[str]:
        """The last non-empty lines of its output."""
        return [line.rstrip() for line in self.output().splitlines() if line.strip()][-lines:]

    async def stop(self) -> bool:
        """Signal it, wait up to `stop_s`, then kill its remaining processes; whether it stopped in time."""
        in_time = True
        if self.exit_code is None:
            self._child.send_signal(self.service.stop_signal)
            try:
                async with asyncio.timeout(self.service.stop_s):
                    await self.wait()
            except TimeoutError:
                in_time = False
        with suppress(ProcessLookupError, PermissionError):  # macOS denies it once all are zombies
            os.killpg(self._child.pid, signal.SIGKILL)
        await kill_marked(self._mark)
        await self.wait()
        return in_time


def _new(log: Path) -> BinaryIO:
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    return log.open("wb")


async def kill_marked(mark: str) -> None:
    """Kill every process whose mark has this prefix. Raises TimeoutError if one survives 5 seconds."""
    async with asyncio.timeout(_KILL_S):
        while left := _marked(mark):
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            await asyncio.sleep(_KILL_POLL_S)


def _marked(mark: str) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(MARK, "").startswith(mark)
    ]


def prints(text: str) -> Probe:
    """Ready once the output contains this text."""

    async def probe(process: Process) -> bool:
        return text in process.output()

    return probe


def responds(url: str) -> Probe:
    """Ready once a GET of this URL responds 200."""

    async def probe(_: Process) -> bool:
        return await asyncio.to_thread(answers_ok, url)

    return probe


async def succeeds(process: Process) -> bool:
    """Ready once it has exited with code 0."""
    return process.exit_code == 0
