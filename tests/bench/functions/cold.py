"""Cold starts: from the start of a process to its first answer."""

import time
from dataclasses import dataclass

from tests.bench.functions.client import Connection
from tests.bench.functions.server import served
from tests.bench.functions.site import Site


@dataclass(frozen=True)
class Start:
    """One cold start."""

    seconds: float
    """From the start of the process until its first answer has arrived whole."""
    cpu_s: float
    memory_mb: float
    """Of the function's processes once it has answered."""


async def cold_start(site: Site, target: str) -> Start:
    """Start a function's process, send it a request as soon as it listens, and end it."""
    request = await site.request(target)
    started = time.perf_counter()
    async with served(site.deployment, target, site.env) as server:
        connection = await Connection.patient(server.port)
        await connection.ask(request)
        seconds = time.perf_counter() - started
        await connection.close()
        return Start(seconds, server.cpu_s(), server.memory_mb())
