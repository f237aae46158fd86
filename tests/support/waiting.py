"""Waits for what runs beside a test."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, within: float = 15) -> None:
    """Wait until a condition holds; fails after `within` seconds, which a busy machine needs no more than."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


async def settle() -> None:
    """Let the tasks run until each waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)
