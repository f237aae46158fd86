"""A running service: the leader of its own session, its output in a log file."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Self

from infra.local import launch, lineage
from infra.local.service import Service

_TAIL_BYTES = 65_536
_TAIL_LINES = 20


class Process:
    """One service's process. Its session holds whatever it starts in turn."""

    def __init__(self, service: Service, log: Path, child: asyncio.subprocess.Process) -> None:
        self.service = service
        self.log = log
        self._child = child

    @classmethod
    async def start(cls, service: Service, log: Path) -> Self:
        """Start the service on a new log file. It gets SIGTERM should this process die.

        The log of the run before is kept as `NAME.previous.log`.
        """
        _set_aside(log)
        launcher = (sys.executable, "-IS", launch.__file__, str(os.getpid()))
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                *launcher,
                *service.command,
                env=service.env,
                cwd=service.cwd,
                start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return cls(service, log, child)

    @property
    def exit_code(self) -> int | None:
        """None while it runs, negative if a signal ended it."""
        return self._child.returncode

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        return await self._child.wait()

    def output(self) -> str:
        """The last 64 KiB that it has printed."""
        with self.log.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace")

    def tail(self, lines: int = _TAIL_LINES) -> list[str]:
        """The last lines that it has printed, empty ones left out."""
        return [line.rstrip() for line in self.output().splitlines() if line.strip()][-lines:]

    async def stop(self) -> bool:
        """Ask it to stop, kill what is left of its session after its time; whether it obeyed."""
        obeyed = True
        if self.exit_code is None:
            self._child.send_signal(self.service.stop_signal)
            try:
                async with asyncio.timeout(self.service.stop_s):
                    await self.wait()
            except TimeoutError:
                obeyed = False
        lineage.kill(relative for relative in lineage.descendants() if relative.session == self._child.pid)
        await self.wait()
        return obeyed


def _set_aside(log: Path) -> None:
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
