"""Warm requests: the processor time of each, once everything is connected and remembered."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from tests.bench.functions.client import Connection, Request
from tests.bench.functions.server import Server, served
from tests.bench.functions.site import Site

CONNECTIONS = 4
WARMING = 200


async def warm_cpu_ms(
    site: Site, targets: Sequence[str], *, rounds: int, requests: int
) -> AsyncIterator[dict[str, float]]:
    """Milliseconds of processor time a request of each function, round after round, all of them running."""
    async with AsyncExitStack() as ends:
        servers = {
            target: await ends.enter_async_context(served(site.deployment, target, site.env))
            for target in targets
        }
        asked = {target: await site.request(target) for target in targets}
        for target, server in servers.items():
            await _cpu_ms(server, asked[target], WARMING)
        for _ in range(rounds):
            yield {
                target: await _cpu_ms(server, asked[target], requests) for target, server in servers.items()
            }


async def _cpu_ms(server: Server, request: Request, requests: int) -> float:
    """Send so many requests; the processor time of the function's processes for each."""
    each = requests // CONNECTIONS
    connections = [await Connection.patient(server.port) for _ in range(CONNECTIONS)]
    before = server.cpu_s()
    async with asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(_send(connection, request, each))
    used = server.cpu_s() - before
    for connection in connections:  # the server would close them when they are idle for some seconds
        await connection.close()
    return used * 1000 / (each * CONNECTIONS)


async def _send(connection: Connection, request: Request, times: int) -> None:
    for _ in range(times):
        await connection.ask(request)
