"""Starts every function's process before its first request: `python -m infra.local.warm URL`."""

import asyncio
import sys

import httpx

from confab.http.routes import functions

_CONCURRENT = 2  # each start occupies a core
_DEADLINE_S = 60.0


async def warm(base: str) -> None:
    """Send a preflight to each function at `base`. Raises HTTPError if one fails."""
    turn = asyncio.Semaphore(_CONCURRENT)
    async with httpx.AsyncClient(timeout=_DEADLINE_S, trust_env=False) as client:

        async def preflight(name: str) -> None:
            async with turn:
                response = await client.options(f"{base}/{name}")
            if response.is_server_error:
                response.raise_for_status()

        async with asyncio.TaskGroup() as tasks:
            for name in functions():
                tasks.create_task(preflight(name))


if __name__ == "__main__":
    asyncio.run(warm(sys.argv[1]))
