"""How long a session lasts."""

import asyncio
from datetime import UTC, datetime, timedelta

from confab.realtime.container import Container
from tests.support.adapters import MemoryAdapters
from tests.support.samples import principal
from tests.support.twins.bus import MemoryBus


async def test_a_renewed_session_outlives_the_token_that_it_began_with():
    adapters, bus = MemoryAdapters(CONFAB_CLOCK_SKEW_S="0"), MemoryBus()
    adapters.publisher, adapters.subscription = bus.publisher(), bus.subscription()
    sessions, now = Container(adapters).sessions, datetime.now(UTC)
    first, second = (
        principal("alice").model_copy(update={"expires_at": now + timedelta(seconds=seconds)})
        for seconds in (0.05, 3600)
    )
    renewed, other = sessions.admit("s1", first), sessions.admit("s2", first)
    renewed.renew(second)
    await asyncio.sleep(0.1)
    assert (renewed.ending, other.ending) == (False, True)
    sessions.remove("s1")
