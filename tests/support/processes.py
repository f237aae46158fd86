"""A process that serves: it keeps its port through kills, stalls and restarts, and its cost is known."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired

import httpx

from infra.local import guard
from infra.local.addresses import LOOPBACK
from tests.support.accounting import tree

ROOT = Path(__file__).resolve().parents[2]
READY_S = 30.0
GONE_S = 15.0
POLL_S = 0.05
ANSWER_S = 2.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For a client on loopback; httpx reads all certificates for one without it, which takes 40 ms of CPU."""
SEVERE = ("ERROR", "CRITICAL", "ALERT", "EMERGENCY")


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
    """A program that serves on a port of its own, which its command line names `{port}`.

    Not bound to an event loop: fixtures and tests may use it from different ones.
    """

    def __init__(
        self,
        name: str,
        command: tuple[str, ...],
        *,
        env: Mapping[str, str],
        folder: Path,
        ready: "Ready",
        cwd: Path = ROOT,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._env = env
        self._ready = ready
        self._cwd = cwd
        self._port = Port()
        self._process: Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._port.number

    @property
    def address(self) -> str:
        """`host:port`, as PUBSUB_EMULATOR_HOST has it."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def launch(self) -> None:
        """Start the process, and do not wait until it serves."""
        self._process = await asyncio.to_thread(self._spawn)

    async def start(self) -> None:
        """Start the process and wait until it serves."""
        await self.launch()
        await self.serves()

    async def ensure_running(self) -> None:
        """Start it unless it runs."""
        if not self.running:
            await self.kill()
            await self.start()

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
        if self._process is not None:
            self._signal(signal.SIGKILL)
            await self.exit_code()

    async def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self.ask_to_end()
        return await self.exit_code()

    def ask_to_end(self) -> None:
        """Send SIGTERM, and do not wait."""
        self._signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        """What it ends with, once it has ended, and everything it has started with it."""
        process = self._process
        assert process is not None
        try:
            return await asyncio.to_thread(process.wait, GONE_S)
        except TimeoutExpired:
            raise AssertionError(f"{self.name} does not end; see {self.log}") from None
        finally:
            self._signal(signal.SIGKILL)
            assert process.stdin is not None
            process.stdin.close()
            self._process = None

    def pids(self) -> list[int]:
        """Its process and what that has started; none if it has ended."""
        return list(tree(self.pid)) if self.running else []

    def logged_bytes(self) -> int:
        """How much it has logged so far."""
        return self.log.stat().st_size

    def errors(self, after: int = 0) -> list[str]:
        """What it has logged as an error or worse, by message, after the first bytes of its log."""
        with self.log.open("rb") as log:
            log.seek(after)
            lines = (line.decode(errors="replace") for line in log)
            return [error for line in lines if (error := _error(line)) is not None]

    def freeze(self) -> None:
        """Let it do nothing, though its port still takes connections."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    async def close(self) -> None:
        """Kill it and give up its port."""
        await self.kill()
        self._port.free()

    def _spawn(self) -> Popen[bytes]:
        command = [part.format(port=self.port) for part in self._command]
        with self.log.open("ab") as output:
            return Popen(
                [sys.executable, "-IS", guard.__file__, str(GONE_S), *command],
                cwd=self._cwd,
                env={**self._env, "PORT": str(self.port)},
                start_new_session=True,
                stdin=PIPE,
                stdout=output,
                stderr=output,
            )

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} does not run"
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            if number is not signal.SIGKILL:
                raise


Ready = Callable[[Server], Awaitable[bool]]


def _error(line: str) -> str | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return "a traceback" if line.startswith("Traceback") else None
    severe = isinstance(fields, dict) and fields.get("severity") in SEVERE
    return str(fields.get("message")) if severe else None


def answers(path: str, status: int) -> Ready:
    """Ready when a GET of this path is answered with this status."""

    async def ready(server: Server) -> bool:
        async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, verify=NO_TLS) as http:
            try:
                answer = await http.get(f"http://{server.address}{path}")
            except httpx.TransportError:
                return False
            return answer.status_code == status

    return ready


async def listens(server: Server) -> bool:
    """Whether its port takes connections."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, server.port)
    except OSError:
        return False
    writer.close()
    return True
