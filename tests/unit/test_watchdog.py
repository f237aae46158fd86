import asyncio

import pytest

from confab.fanout import watchdog as watchdog_module
from confab.fanout.watchdog import Watchdog
from tests.support.twins.bus import MemoryBus, MemorySubscription
from tests.support.waiting import until


class Stubborn(MemorySubscription):
    """Records its restarts; while `stubborn`, only a replacement ends its deafness."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__(bus._open, "i1")
        self.restarts: list[bool] = []
        self.stubborn = False

    def restart(self, *, fresh: bool) -> None:
        self.restarts.append(fresh)
        if fresh or not self.stubborn:
            super().restart(fresh=fresh)


class Instance:
    """A subscription with a watchdog."""

    def __init__(self, bus: MemoryBus) -> None:
        self.subscription = Stubborn(bus)
        self.needed = True
        self.watchdog = Watchdog(
            self.subscription,
            bus.publisher(),
            instance="i1",
            cell="main",
            needed=lambda: self.needed,
        )
        self.tasks = [
            asyncio.create_task(self.watchdog.watch()),
            asyncio.create_task(self._listen()),
        ]

    async def _listen(self) -> None:
        async for _ in self.watchdog.events():
            pass

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
def bus():
    return MemoryBus()


@pytest.fixture
async def instance(bus, monkeypatch):
    monkeypatch.setattr(watchdog_module, "PROBE_S", 0.05)
    instance = Instance(bus)
    yield instance
    await instance.close()


async def test_a_bus_that_delivers_the_probes_is_left_alone(instance):
    await asyncio.sleep(0.4)
    assert instance.subscription.restarts == []
    assert instance.watchdog.delivering


@pytest.mark.parametrize(("stubborn", "restarts"), [(False, [False]), (True, [False, True])])
async def test_a_deaf_subscription_is_restarted_and_then_replaced(instance, stubborn, restarts):
    await until(lambda: instance.watchdog.delivering)
    instance.subscription.stubborn = stubborn
    instance.subscription.deaf = True
    await until(lambda: not instance.watchdog.delivering)
    await until(lambda: instance.watchdog.delivering)
    assert instance.subscription.restarts == restarts


async def test_a_bus_without_rooms_is_not_probed(instance, bus, monkeypatch):
    instance.needed = False
    published: list[bytes] = []
    monkeypatch.setattr(bus, "put", published.append)
    await asyncio.sleep(0.3)
    assert published == []


async def test_a_bus_that_is_down_is_overdue_while_it_is_needed_and_not_deaf(instance, bus):
    assert instance.watchdog.overdue_s == 0
    for recover in (lambda: vars(bus).update(down=False), lambda: vars(instance).update(needed=False)):
        bus.down = True
        await until(lambda: instance.watchdog.overdue_s > 0.1)
        recover()
        await until(lambda: instance.watchdog.overdue_s == 0)
    assert instance.subscription.restarts == []
