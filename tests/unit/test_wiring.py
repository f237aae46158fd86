"""A process gives back what it used."""

import asyncio

from confab import wiring
from tests.support.ports import MemoryPorts


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
    ports = MemoryPorts()
    ports.__dict__.update(
        subscription=hanging, publisher=failing, store=good[0], verifier=good[1], telemetry=good[2]
    )
    async with asyncio.timeout(5):
        await ports.close()
    assert all(adapter.closed for adapter in good)
    told = {record.part: record.message for record in caplog.records}
    assert told == {"publisher": "an ending failed", "subscription": "an ending took too long"}
    assert "a defect" in caplog.text


async def test_an_adapter_that_was_not_used_is_not_made_to_be_closed():
    ports = MemoryPorts()
    await ports.close()
    assert "publisher" not in ports.__dict__
