"""A process gives back what it used."""

import asyncio

from confab import config, wiring
from confab.wiring import Adapters
from tests.support.adapters import MemoryAdapters


class Adapter:
    """Takes a while to close, fails in it, or neither."""

    def __init__(self, seconds: float = 0, error: Exception | None = None) -> None:
        self._seconds, self._error = seconds, error
        self.closed = False

    async def close(self) -> None:
        await asyncio.sleep(self._seconds)
        if self._error is not None:
            raise self._error
        self.closed = True


async def test_an_adapter_that_fails_or_hangs_skips_no_other(monkeypatch, caplog):
    monkeypatch.setattr(wiring, "CLOSE_S", 0.2)
    failing, hanging, good = (
        Adapter(error=RuntimeError("a defect")),
        Adapter(60),
        [Adapter() for _ in range(3)],
    )
    adapters = MemoryAdapters()
    adapters._opened.update(
        subscription=hanging, publisher=failing, store=good[0], verifier=good[1], telemetry=good[2]
    )
    async with asyncio.timeout(5):
        await adapters.close()
    assert all(adapter.closed for adapter in good)
    told = {record.part: record.message for record in caplog.records}
    assert told == {"publisher": "an ending failed", "subscription": "an ending took too long"}
    assert "a defect" in caplog.text


async def test_every_adapter_that_was_made_is_closed_and_no_other(monkeypatch):
    adapters = Adapters(config.load({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}))
    assert adapters.conversations is adapters.conversations
    assert adapters._opened.keys() == {"store", "publisher"}
    made = {adapters.subscription, adapters.verifier, adapters.telemetry, adapters.store, adapters.publisher}
    assert {*adapters._opened.values()} == made
    closed = [monkeypatch.setitem(adapters._opened, name, Adapter()) for name in adapters._opened]
    await adapters.close()
    assert len(closed) == 5
    for adapter in (adapters.subscription, adapters.verifier, adapters.telemetry, adapters.store):
        await adapter.close()
