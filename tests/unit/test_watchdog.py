import asyncio

import pytest

from confab.conversations import SystemClock
from confab.domain.errors import Unavailable
from confab.fanout import watchdog as watchdog_module
from confab.fanout.consume import consume
from confab.fanout.watchdog import Watchdog
from tests.support.twins.bus import MemoryBus, MemorySubscription


class Stubborn(MemorySubscription):
    """Remembers how it was begun anew, and may stay deaf until it is a fresh one."""

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
            clock=SystemClock(),
            needed=lambda: self.needed,
        )
        self.tasks = [
            asyncio.create_task(self.watchdog.watch()),
            asyncio.create_task(
                consume(
                    self.subscription,
                    origin="i1",
                    entry=lambda _room, _seq, _at: None,
                    typing=lambda _: None,
                    echo=self.watchdog.receive_echo,
                )
            ),
        ]

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


async def until(condition) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_bus_that_brings_the_probes_back_is_left_alone(instance):
    await asyncio.sleep(0.4)
    assert instance.subscription.restarts == []
    assert instance.watchdog.delivering


async def test_a_deaf_subscription_is_found_out_and_heals(instance):
    await until(lambda: instance.watchdog.delivering)
    instance.subscription.deaf = True
    await until(lambda: not instance.watchdog.delivering)
    await until(lambda: instance.watchdog.delivering)
    assert instance.subscription.restarts == [False]


async def test_what_a_restart_does_not_fix_is_replaced(instance):
    instance.subscription.stubborn = True
    instance.subscription.deaf = True
    await until(lambda: len(instance.subscription.restarts) >= 2)
    await until(lambda: instance.watchdog.delivering)
    assert instance.subscription.restarts == [False, True]


async def test_nobody_is_probed_for_nothing(instance, bus, monkeypatch):
    instance.needed = False
    published: list[bytes] = []
    monkeypatch.setattr(bus, "put", published.append)
    await asyncio.sleep(0.3)
    assert published == []


async def test_what_comes_back_is_not_overdue(instance, bus):
    assert instance.watchdog.overdue_s == 0
    bus.down = True
    await until(lambda: instance.watchdog.overdue_s > 0.1)
    bus.down = False
    await until(lambda: instance.watchdog.overdue_s == 0)
    bus.down = True
    await until(lambda: instance.watchdog.overdue_s > 0.1)
    instance.needed = False
    await until(lambda: instance.watchdog.overdue_s == 0)


async def test_a_bus_that_is_down_is_not_deaf(instance, bus):
    bus.down = True
    await asyncio.sleep(0.3)
    assert instance.subscription.restarts == []
    with pytest.raises(Unavailable):
        bus.put(b"")
