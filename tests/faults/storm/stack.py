"""The system of a storm: two instances and three functions, with a proxy before the bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.storm.bus import BusProxy
from tests.support.system import UNSIGNED, System

INSTANCES = ("realtime-1", "realtime-2")
FUNCTIONS = ("create_conversation", "add_message", "finalize_conversation")
PAGE = 20
"""Entries in a page, few, so that clients have to page."""


@asynccontextmanager
async def running(folder: Path, seed: int) -> AsyncIterator[tuple[System, BusProxy]]:
    """Everything up; gone afterwards."""
    async with System.running(folder, {**UNSIGNED, "CONFAB_MAX_PAGE": str(PAGE)}) as system:
        proxy = BusProxy(system.bus.address, seed)
        async with proxy.serving() as address:
            system.env["PUBSUB_EMULATOR_HOST"] = address
            for name in INSTANCES:
                await system.instance(name)
            for name in FUNCTIONS:
                await system.function(name)
            await system.serves()
            yield system, proxy
