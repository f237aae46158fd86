import asyncio
from types import SimpleNamespace

import pytest

from confab.fanout import watchdog as watchdog_module
from tests.support.adapters import MemoryAdapters
from tests.support.telemetry import Collected
from tests.support.twins.bus import MemorySubscription
from tests.support.waiting import until

ROOM, SOCKET = "c1", SimpleNamespace(sid="s1", uid="alice")


class Stubborn(MemorySubscription):
    """Records its restarts; while `stubborn`, only a replacement ends its deafness."""

    restarts: list[bool]
    stubborn = False

    def restart(self, *, fresh: bool) -> None:
        self.restarts.append(fresh)
        if fresh or not self.stubborn:
            super().restart(fresh=fresh)


@pytest.fixture
def adapters():
    adapters = MemoryAdapters()
    adapters.subscription = Stubborn(adapters.bus._open, adapters.instance)
    adapters.subscription.restarts = []
    return adapters


@pytest.fixture
async def watchdog(container, monkeypatch):
    """The watchdog of an instance that has a room, and so needs the bus."""
    monkeypatch.setattr(watchdog_module, "PROBE_S", 0.15)
    container.rooms.begin_join(ROOM, SOCKET)
    tasks = [asyncio.create_task(work()) for work in (container._watchdog.watch, container._consume)]
    yield container._watchdog
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_bus_that_delivers_the_probes_is_left_alone(watchdog, adapters):
    await asyncio.sleep(0.6)
    assert adapters.subscription.restarts == []
    assert watchdog.delivering


@pytest.mark.parametrize(("stubborn", "restarts"), [(False, [False]), (True, [False, True])])
async def test_a_deaf_subscription_is_restarted_and_then_replaced(watchdog, adapters, stubborn, restarts):
    await until(lambda: watchdog.delivering)
    adapters.subscription.stubborn = stubborn
    adapters.subscription.deaf = True
    await until(lambda: not watchdog.delivering)
    await until(lambda: watchdog.delivering)
    assert adapters.subscription.restarts == restarts


async def test_a_bus_without_rooms_is_not_probed(watchdog, container, adapters, monkeypatch):
    container.rooms.leave(ROOM, SOCKET.sid)
    published: list[bytes] = []
    monkeypatch.setattr(adapters.bus, "put", published.append)
    await asyncio.sleep(0.4)
    assert published == []


async def test_a_bus_that_is_down_lags_while_it_is_needed_and_is_not_deaf(watchdog, container, adapters):
    collected = Collected()
    container._count(collected.telemetry)

    def lag():
        return collected.metrics()["confab.bus.lag"].value

    assert lag() == 0
    for recover in (
        lambda: vars(adapters.bus).update(down=False),
        lambda: container.rooms.leave(ROOM, SOCKET.sid),
    ):
        adapters.bus.down = True
        await until(lambda: lag() > 0.1)
        recover()
        await until(lambda: lag() == 0)
    assert adapters.subscription.restarts == []
