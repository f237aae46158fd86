"""The sending side of an instance, and the listening one, when things go wrong."""

import asyncio
import logging
from datetime import datetime, timedelta

from confab.bus.memory import MemoryBus
from confab.domain.errors import Unavailable
from confab.domain.events import Typing, TypingState, event_of
from confab.realtime import hints
from confab.realtime.hints import Hints, listen
from tests.support.samples import NOW, message

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


def typing(origin: str = "here") -> Typing:
    state = TypingState(conversation_id="c1", user_id="bob", typing=True)
    return Typing(conversation_id="c1", data=state, origin=origin, at=NOW)


async def test_what_is_on_its_way_is_bounded_and_typing_gives_way(monkeypatch):
    monkeypatch.setattr(hints, "MAX_PUBLISHING", 6)
    monkeypatch.setattr(hints, "MAX_PUBLISHING_TYPING", 2)
    bus = StuckBus()
    sender = Hints(bus, origin="here")
    for _ in range(5):
        sender.event(typing())
    for seq in range(1, 10):
        sender.entry(message(seq), NOW)
    bus.free.set()
    await sender.close()
    assert bus.taken == ["typing"] * 2 + ["message.created"] * 4


async def test_a_bus_that_is_away_is_told_of_once(caplog):
    bus = StuckBus()
    bus.down = True
    sender = Hints(bus, origin="here")
    with caplog.at_level(logging.WARNING, "confab"):
        for seq in range(1, 6):
            sender.entry(message(seq), NOW)
        await sender.close()
    assert [record.message for record in caplog.records] == ["the bus does not take events"]


async def test_its_own_events_and_defects_do_not_stop_the_listening(caplog):
    bus = MemoryBus()
    subscription, publisher = bus.subscription(), bus.publisher()
    heard: list[tuple[int, datetime]] = []

    def entry(_room: str, seq: int, committed_at: datetime) -> None:
        if seq == 2:
            raise RuntimeError("a defect")
        heard.append((seq, committed_at))

    typed: list[Typing] = []
    echoes: list[int] = []
    listening = asyncio.create_task(
        listen(subscription, origin="here", entry=entry, typing=typed.append, echo=lambda: echoes.append(1))
    )
    while not subscription.connected:
        await asyncio.sleep(0)
    await publisher.publish(event_of(message(1), origin="here"))
    for seq in (2, 3):
        await publisher.publish(event_of(message(seq), origin="elsewhere", at=LATER))
    await publisher.publish(typing("elsewhere"))
    async with asyncio.timeout(3):
        while not typed:
            await asyncio.sleep(0.01)
    assert (heard, echoes) == ([(3, LATER)], [1])
    assert "could not be passed on" in caplog.text
    await subscription.close()
    await asyncio.wait_for(listening, 3)
