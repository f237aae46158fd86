"""What is measured of a function: its start, its imports and its warm requests."""

import asyncio
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

from tests.bench.functions.server import Connection, Server, ask, served
from tests.bench.functions.site import Site
from tests.bench.runner import Figures

PATIENCE_S = 120.0
CONNECTIONS = 4
WARM_UP = 200
"""Requests before those that count."""


async def served_once(site: Site, target: str, *, requests: int) -> Figures:
    """The first response of a new process and what it cost; then the CPU of a warm request."""
    sent = await site.requests(target)
    begun = time.perf_counter()
    async with asyncio.timeout(PATIENCE_S), served(site.deployment, target, site.env) as server:
        async with server.connection() as connection:
            await ask(connection, next(sent))
            first_answer_s = time.perf_counter() - begun
        figures = {
            "firstAnswerMs": first_answer_s * 1e3,
            "cpuMs": server.cpu_s() * 1e3,
            "memoryMb": server.memory_mb(),
        }
        await _cpu_ms(server, sent, WARM_UP)
        return figures | {"requestCpuMs": await _cpu_ms(server, sent, requests)}


async def imported(site: Site, target: str) -> Figures:
    """How many modules a process imports until its first response."""
    sent = await site.requests(target)
    with tempfile.TemporaryFile("w+") as profile:
        env = {**site.env, "PYTHONPROFILEIMPORTTIME": "1"}
        async with (
            asyncio.timeout(PATIENCE_S),
            served(site.deployment, target, env, errors=profile.fileno()) as server,
            server.connection() as connection,
        ):
            await ask(connection, next(sent))
        profile.seek(0)
        return {"modules": len(re.findall(r"^import time: +\d+ ", profile.read(), re.MULTILINE))}


async def _cpu_ms(server: Server, sent: Iterator[bytes], requests: int) -> float:
    """Milliseconds of CPU for each of so many requests, over several connections at once."""
    each = requests // CONNECTIONS

    async def send(connection: Connection) -> None:
        for _ in range(each):
            await ask(connection, next(sent))

    async with AsyncExitStack() as open_ones:
        connections = [await open_ones.enter_async_context(server.connection()) for _ in range(CONNECTIONS)]
        before = server.cpu_s()
        await asyncio.gather(*map(send, connections))
        return (server.cpu_s() - before) * 1e3 / (each * CONNECTIONS)
