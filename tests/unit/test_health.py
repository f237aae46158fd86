"""What a container reports of its health unasked: log lines and a gauge."""

import asyncio
from types import SimpleNamespace

import pytest

from confab.domain.errors import Unavailable
from confab.fanout import watchdog
from confab.realtime import health
from tests.support.telemetry import Collected
from tests.support.waiting import until


async def away() -> None:
    raise Unavailable("away")


@pytest.mark.parametrize(
    ("check", "draining", "lines"),
    [(away, False, [["store"]] * 3), (None, False, []), (away, True, [])],
    ids=["without its store", "ready", "draining"],
)
async def test_a_missing_dependency_is_logged_repeatedly_until_the_drain(
    adapters, monkeypatch, caplog, *, check, draining, lines
):
    monkeypatch.setattr(health, "REPORT_S", 0.01)
    monkeypatch.setattr(adapters.store, "check", check or adapters.store.check)
    instance = health.Health(adapters.store, adapters.verifier, bus_delivers=lambda: True)
    instance.draining = draining
    reporting = asyncio.create_task(instance.report())
    await asyncio.sleep(0.15)
    reporting.cancel()
    logged = [record for record in caplog.records if record.message == "not ready"]
    assert [record.missing for record in logged][:3] == lines
    assert {(record.name, record.levelname) for record in logged} <= {("confab.realtime.health", "WARNING")}


async def test_a_dead_bus_shows_in_its_lag(adapters, container, monkeypatch):
    monkeypatch.setattr(watchdog, "PROBE_S", 0.02)
    adapters.bus.down, collected = True, Collected()
    container._count(collected.telemetry)
    watching = asyncio.create_task(container._watchdog.watch())
    await asyncio.sleep(0.1)
    assert collected.metrics()["confab.bus.lag"].value == 0, "no room needs it"
    container.rooms.begin_join("c1", SimpleNamespace(sid="s1", uid="alice"))
    await until(lambda: collected.metrics()["confab.bus.lag"].value > 0.05)
    watching.cancel()
