import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from confab.domain.errors import Unavailable
from confab.fanout import publishers
from confab.fanout.announce import InlineAnnouncer
from confab.fanout.publishers import CircuitBreaker
from tests.support.samples import finalized, message


class Bus:
    """Implements `Publisher`: takes events, refuses them, or never answers."""

    def __init__(self) -> None:
        self.taken: list[int | None] = []
        self.at: list[datetime] = []
        self.tries = 0
        self.mood = "well"

    async def connect(self) -> None:
        pass

    async def publish(self, event) -> None:
        self.tries += 1
        if self.mood == "away":
            raise Unavailable("The event bus does not answer.")
        if self.mood == "frozen":
            await asyncio.sleep(60)
        self.taken.append(event.seq)
        self.at.append(event.at)

    async def close(self) -> None:
        pass


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def announcer(bus, monkeypatch):
    monkeypatch.setattr(publishers, "WAIT_S", 0.05)
    monkeypatch.setattr(publishers, "PAUSE_S", 0.2)
    return InlineAnnouncer(CircuitBreaker(bus), origin="a function")


async def test_a_stored_entry_is_published(announcer, bus):
    await announcer.announce(message(1))
    await announcer.announce(finalized(2))
    assert bus.taken == [1, 2]


async def test_an_event_tells_when_its_entry_was_committed(announcer, bus):
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # an event's time has no fraction of one
    await announcer.announce(message(1))
    assert before <= bus.at[0] <= datetime.now(UTC)


@pytest.mark.parametrize("mood", ["away", "frozen"])
async def test_a_bus_that_takes_nothing_holds_nobody_up(announcer, bus, mood, caplog):
    bus.mood = mood
    async with asyncio.timeout(0.15):
        for seq in (1, 2, 3):
            await announcer.announce(message(seq))
    assert bus.tries == 1
    assert len(caplog.records) == 1
    bus.mood = "well"
    await asyncio.sleep(0.25)
    await announcer.announce(message(4))
    assert bus.taken == [4]
