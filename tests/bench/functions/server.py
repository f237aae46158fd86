"""A function served as in production, what its processes use, and a connection to it."""

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.functions.deployment import Deployment
from tests.support.accounting import cpu_s, tree
from tests.support.processes import Port

RETRY_S = 0.001
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(connection: Connection, request: bytes) -> bytes:
    """The body of the response; fails if it is no success. As little of a client as a measurement takes."""
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    assert length is not None, head
    body = await reader.readexactly(int(length[1]))
    assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 201 ")), (head, body)
    return body


class Server:
    """The processes of one function: functions-framework's master and the worker that it forks."""

    def __init__(self, process: Process, port: Port) -> None:
        self._process = process
        self._port = port

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection that is kept alive, as soon as the server takes one."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port.number)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(RETRY_S)
        yield reader, writer
        writer.close()
        await writer.wait_closed()

    def cpu_s(self) -> float:
        """The CPU seconds that they have used."""
        return cpu_s(self._pids())

    def memory_mb(self) -> float:
        """Their proportional set size: pages that both hold count once."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids()]
        return (
            sum(int(kib) for rollup in rollups for kib in re.findall(r"^Pss: +(\d+)", rollup, re.MULTILINE))
            / 1024
        )

    def _pids(self) -> Iterator[int]:
        return tree(self._process.pid)


@asynccontextmanager
async def served(
    deployment: Deployment, target: str, env: Mapping[str, str], *, errors: int = DEVNULL
) -> AsyncIterator[Server]:
    """A function's processes, just started; gone afterwards. Their standard error goes to `errors`."""
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
    try:
        yield Server(process, port)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        port.free()
