"""One process of the storm: it keeps its port through kills, stalls and restarts."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from infra.local import guard
from infra.local.addresses import LOOPBACK

ROOT = Path(__file__).resolve().parents[3]
READY_S = 30.0
GONE_S = 15.0
POLL_S = 0.05
_ERROR = re.compile(r'\{"severity": "(?:ERROR|CRITICAL)", "message": "([^"]*)"')


class Port:
    """A free port that nobody else is given, although nothing may listen there for a while."""

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # servers may listen beside it
        self._held.bind((LOOPBACK, 0))
        self.number: int = self._held.getsockname()[1]

    def free(self) -> None:
        self._held.close()


class Server:
    """A program that serves on a port of its own, which stands in its command line as `{port}`."""

    def __init__(
        self,
        name: str,
        command: tuple[str, ...],
        *,
        env: Mapping[str, str],
        folder: Path,
        ready: Callable[["Server"], Awaitable[bool]],
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._env = env
        self._ready = ready
        self._port = Port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def port(self) -> int:
        return self._port.number

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Start the process, and do not wait until it serves."""
        command = [part.format(port=self.port) for part in self._command]
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-IS", guard.__file__, str(GONE_S)),
                *command,
                cwd=ROOT,
                env={**self._env, "PORT": str(self.port)},
                start_new_session=True,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
            )

    async def ready(self) -> bool:
        """Whether it serves now."""
        return await self._ready(self)

    async def serves(self) -> None:
        """Wait until it serves; fails if it has ended or takes more than 30 s."""
        try:
            async with asyncio.timeout(READY_S):
                while not await self.ready():
                    if not self.running:
                        raise AssertionError(f"{self.name} has ended; see {self.log}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise AssertionError(f"{self.name} is not ready within {READY_S} s; see {self.log}") from None

    async def kill(self) -> None:
        """End it at once, and everything it has started."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> None:
        """Ask it to end, and wait until it has."""
        await self._end(signal.SIGTERM)

    def errors(self) -> Counter[str]:
        """What it has logged as an error, by message."""
        found: Counter[str] = Counter()
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("Traceback"):
                found["a traceback"] += 1
            elif (error := _ERROR.match(line)) is not None:
                found[error[1]] += 1
        return found

    def freeze(self) -> None:
        """Let it do nothing, though its port still takes connections."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    async def close(self) -> None:
        """Kill it and give up its port."""
        await self.kill()
        self._port.free()

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        try:
            async with asyncio.timeout(GONE_S):
                await self._process.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name} does not end; see {self.log}") from None
        finally:
            self._signal(signal.SIGKILL)  # what it has started and left behind
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} does not run"
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            if number is not signal.SIGKILL:
                raise


async def listens(server: Server) -> bool:
    """Whether its port takes connections."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, server.port)
    except OSError:
        return False
    writer.close()
    return True
