"""What a container reports of its health unasked: log lines and a gauge."""

import asyncio
from types import SimpleNamespace

import pytest

from confab.domain.errors import Unavailable
from confab.fanout import watchdog as watchdog_module
from confab.realtime import health as health_module
from confab.realtime.container import Container
from confab.realtime.health import Health
from tests.support.adapters import MemoryAdapters
from tests.support.telemetry import Collected
from tests.support.twins.bus import MemoryBus

EVERY_S = 0.02


@pytest.fixture
def adapters():
    return MemoryAdapters()


@pytest.fixture
async def health(adapters, monkeypatch):
    monkeypatch.setattr(health_module, "REPORT_S", EVERY_S)
    health = Health(adapters.store, adapters.verifier, bus_delivers=lambda: True)
    reporting = asyncio.create_task(health.report())
    yield health
    reporting.cancel()


def logged(caplog):
    return [
        (record.name, record.levelname, record.missing)
        for record in caplog.records
        if record.message == "not ready"
    ]


async def test_a_missing_dependency_is_logged_repeatedly(health, adapters, caplog, monkeypatch):
    async def away() -> None:
        raise Unavailable("away")

    monkeypatch.setattr(adapters.store, "check", away)
    async with asyncio.timeout(3):
        while len(logged(caplog)) < 3:
            await asyncio.sleep(0.01)
    assert set(map(str, logged(caplog))) == {str(("confab.realtime.health", "WARNING", ["store"]))}
    monkeypatch.undo()


async def test_a_ready_instance_logs_nothing(health, caplog):
    await asyncio.sleep(EVERY_S * 5)
    assert logged(caplog) == []


async def test_a_draining_instance_logs_nothing(health, caplog):
    health.draining = True
    await asyncio.sleep(EVERY_S * 5)
    assert logged(caplog) == []


async def test_a_dead_bus_shows_in_its_lag(adapters, monkeypatch):
    monkeypatch.setattr(watchdog_module, "PROBE_S", 0.02)
    bus, collected = MemoryBus(), Collected()
    adapters.publisher, adapters.subscription = bus.publisher(), bus.subscription()
    adapters.telemetry = collected.telemetry
    container = Container(adapters)
    watching = asyncio.create_task(container._watchdog.watch())
    bus.down = True
    await asyncio.sleep(0.2)
    assert collected.metrics()["confab.bus.lag"].value == 0, "no room needs it"
    container.rooms.begin_join("c1", SimpleNamespace(sid="s1", uid="alice"))
    await asyncio.sleep(0.2)
    assert collected.metrics()["confab.bus.lag"].value > 0.05
    watching.cancel()
