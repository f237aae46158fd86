"""Pub/Sub emulators in processes of their own: ours, and Google's where its CLI has it installed."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

READY_WITHIN_S = 30.0
GONE_WITHIN_S = 10.0
ROOT = Path(__file__).resolve().parents[2]
READY_SIGNS = ("ready ", "Server started, listening on ")


class PubSubServer:
    """An emulator on an ephemeral port of loopback that keeps its port, and nothing else, through restarts.

    Not bound to an event loop: fixtures and tests may use it from different ones.
    """

    def __init__(self, *command: str, filters: bool = True) -> None:
        self.port = _free_port()
        self.filters = filters
        """Whether it heeds the filters of subscriptions."""
        self._command = command
        self._process: Popen[str] | None = None
        self._output: threading.Thread | None = None

    @property
    def host(self) -> str:
        """Its address, `host:port`, as PUBSUB_EMULATOR_HOST has it."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it serves."""
        command = [*self._command, "--host=127.0.0.1", f"--port={self.port}"]
        self._process = await asyncio.to_thread(
            Popen, command, cwd=ROOT, stdout=PIPE, stderr=STDOUT, text=True
        )
        ready = threading.Event()
        self._output = threading.Thread(target=_follow, args=(self._process, ready))
        self._output.start()
        await asyncio.to_thread(ready.wait, READY_WITHIN_S)
        assert self._process.poll() is None, "the emulator ended before it was ready"

    async def stop(self) -> int:
        """Ask it to end; its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it at once; all that it held is lost."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Kill it and start it again, empty, on the same port."""
        await self.kill()
        await self.start()

    async def ensure_running(self) -> None:
        """Start it unless it runs."""
        if self._process is None:
            await self.start()

    def freeze(self) -> None:
        """Let it answer nothing, though its port still takes connections."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        code = await asyncio.to_thread(process.wait, GONE_WITHIN_S)
        assert self._output is not None
        await asyncio.to_thread(self._output.join, GONE_WITHIN_S)
        return code


@asynccontextmanager
async def running(server: PubSubServer) -> AsyncIterator[PubSubServer]:
    """The server, started; gone afterwards."""
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


@asynccontextmanager
async def pubsub_server() -> AsyncIterator[PubSubServer]:
    """Our emulator, running; gone afterwards."""
    async with running(PubSubServer(sys.executable, "-m", "infra.local.pubsub_emulator")) as server:
        yield server


@asynccontextmanager
async def google_pubsub_server(jar: Path) -> AsyncIterator[PubSubServer]:
    """Google's emulator, running; gone afterwards."""
    async with running(PubSubServer("java", "-Xmx256m", "-jar", str(jar), filters=False)) as server:
        yield server


@cache
def google_emulator_jar() -> Path | str:
    """The jar of Google's emulator, or why there is none."""
    for needed in ("gcloud", "java"):
        if shutil.which(needed) is None:
            return f"Google's Pub/Sub emulator needs {needed}"
    info = ["gcloud", "info", "--format=value(installation.sdk_root)"]
    root = subprocess.run(info, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    jars = sorted(Path(root).glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"))
    return jars[-1] if jars else "the Google Cloud CLI has no Pub/Sub emulator installed"


def closed_port() -> str:
    """An address on loopback where nothing listens."""
    return f"127.0.0.1:{_free_port()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _follow(process: "Popen[str]", ready: threading.Event) -> None:
    """Read what the process says until it ends, so that it never waits for a reader."""
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            if any(sign in line for sign in READY_SIGNS):
                ready.set()
    ready.set()
