"""What a container reports of its health unasked."""

import asyncio

import pytest

from confab.domain.errors import Unavailable
from confab.realtime import health
from tests.support.waiting import settle, until


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
    await asyncio.sleep(0.1)
    await until(lambda: caplog.messages.count("not ready") >= len(lines))
    instance.draining = True  # the last check ends, and none begins
    await settle()
    reporting.cancel()
    logged = [record for record in caplog.records if record.message == "not ready"]
    assert [record.missing for record in logged][:3] == lines
    assert {(record.name, record.levelname) for record in logged} <= {("confab.realtime.health", "WARNING")}
