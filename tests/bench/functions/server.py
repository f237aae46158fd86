"""A function served as in production, and what its processes use."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.functions.deployment import Deployment
from tests.support.accounting import cpu_s, tree
from tests.support.processes import Port


class Server:
    """The processes of one function: functions-framework's master and the worker that it forks."""

    def __init__(self, process: Process, port: int) -> None:
        self._process = process
        self.port = port

    def cpu_s(self) -> float:
        """The processor time that they have used, in seconds."""
        return cpu_s(self._pids())

    def memory_mb(self) -> float:
        """Their proportional set size: pages that both hold count once."""
        kib = 0
        for pid in self._pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
        return kib / 1024

    def _pids(self) -> Iterator[int]:
        return tree(self._process.pid)

    async def end(self) -> None:
        """Kill them."""
        os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


@asynccontextmanager
async def served(
    deployment: Deployment, target: str, env: Mapping[str, str], *, errors: int = DEVNULL
) -> AsyncIterator[Server]:
    """A function's processes, just started; gone afterwards. What they say goes to `errors`."""
    port = Port()
    source = deployment.bare if target == "bare" else deployment.functions
    process = await asyncio.create_subprocess_exec(
        *(deployment.python, "-m", "functions_framework"),
        *(f"--source={source}", f"--target={target}", "--host=127.0.0.1", f"--port={port.number}"),
        env={**env, "PYTHONPATH": str(deployment.packages)},
        cwd=source.parent,
        start_new_session=True,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=errors,
    )
    server = Server(process, port.number)
    try:
        yield server
    finally:
        await server.end()
        port.free()
