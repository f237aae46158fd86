"""The publishing side of an instance, and the consuming one, when things go wrong."""

import asyncio
import logging
from datetime import datetime, timedelta

from confab.conversations import SystemClock
from confab.domain.errors import Unavailable
from confab.domain.events import Typing, TypingState, event_of
from confab.fanout import announce
from confab.fanout.announce import BackgroundAnnouncer
from confab.fanout.consume import consume
from tests.support.samples import NOW, message
from tests.support.twins.bus import MemoryBus

LATER = NOW + timedelta(seconds=1)


class StuckBus:
    """Implements `Publisher`: takes nothing until it is freed."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.down = False
        self.taken: list[str] = []

    async def connect(self) -> None:
        pass

    async def publish(self, event) -> None:
        if self.down:
            raise Unavailable("The event bus does not answer.")
        await self.free.wait()
        self.taken.append(event.type)

    async def close(self) -> None:
        pass


STATE = TypingState(conversation_id="c1", user_id="bob", typing=True)


def announcer(bus: StuckBus) -> BackgroundAnnouncer:
    return BackgroundAnnouncer(bus, lambda _entry, _at: None, origin="here", clock=SystemClock())


async def test_events_in_flight_are_bounded_and_typing_gives_way(monkeypatch):
    monkeypatch.setattr(announce, "MAX_PUBLISHING", 6)
    monkeypatch.setattr(announce, "MAX_PUBLISHING_TYPING", 2)
    bus = StuckBus()
    sender = announcer(bus)
    for _ in range(5):
        sender.announce_typing(STATE)
    for seq in range(1, 10):
        await sender.announce(message(seq))
    bus.free.set()
    await sender.close()
    assert bus.taken == ["typing"] * 2 + ["message.created"] * 4


async def test_a_bus_that_is_away_is_logged_once(caplog):
    bus = StuckBus()
    bus.down = True
    sender = announcer(bus)
    with caplog.at_level(logging.WARNING, "confab"):
        for seq in range(1, 6):
            await sender.announce(message(seq))
        await sender.close()
    assert [record.message for record in caplog.records] == ["the bus does not take events"]


async def test_its_own_events_and_defects_do_not_stop_the_consuming(caplog):
    bus = MemoryBus()
    subscription, publisher = bus.subscription(), bus.publisher()
    entries: list[tuple[int, datetime]] = []

    def entry(_room: str, seq: int, committed_at: datetime) -> None:
        if seq == 2:
            raise RuntimeError("a defect")
        entries.append((seq, committed_at))

    typed: list[Typing] = []
    echoes: list[int] = []
    consuming = asyncio.create_task(
        consume(subscription, origin="here", entry=entry, typing=typed.append, echo=lambda: echoes.append(1))
    )
    while not subscription.connected:
        await asyncio.sleep(0)
    await publisher.publish(event_of(message(1), origin="here"))
    for seq in (2, 3):
        await publisher.publish(event_of(message(seq), origin="elsewhere", at=LATER))
    await publisher.publish(Typing(conversation_id="c1", data=STATE, origin="elsewhere", at=NOW))
    async with asyncio.timeout(3):
        while not typed:
            await asyncio.sleep(0.01)
    assert (entries, echoes) == ([(3, LATER)], [1])
    assert "could not be passed on" in caplog.text
    await subscription.close()
    await asyncio.wait_for(consuming, 3)
