"""Both announcers and the consumer over a bus that is away, frozen or brings defects."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, TypingState, deletion_of, erasure_of, event_of
from confab.fanout import announce, publishers
from confab.fanout.announce import BackgroundAnnouncer, InlineAnnouncer, LocalRooms
from confab.fanout.publishers import CircuitBreaker
from tests.support.samples import NOW, edited, finalized, message, renamed
from tests.support.twins.bus import MemoryBus, MemoryPublisher
from tests.support.waiting import until

LATER = NOW + timedelta(seconds=1)
STATE = TypingState(conversation_id="c1", user_id="bob", typing=True)


class Bus(MemoryPublisher):
    """Remembers the events that it takes; takes none while it is `away`, and waits while it is frozen."""

    def __init__(self) -> None:
        super().__init__(MemoryBus())
        self.taken: list[Event] = []
        self.tries = 0
        self.away = False
        self.thawed = asyncio.Event()
        self.thawed.set()

    async def publish(self, event: Event) -> None:
        self.tries += 1
        if self.away:
            raise Unavailable("The event bus does not answer.")
        await self.thawed.wait()
        self.taken.append(event)


@pytest.fixture
async def bus():
    return Bus()


@pytest.fixture
def background(bus):
    return BackgroundAnnouncer(bus, Mock(spec=LocalRooms), origin="here")


@pytest.fixture
def inline(bus, monkeypatch):
    monkeypatch.setattr(publishers, "WAIT_S", 0.2)
    monkeypatch.setattr(publishers, "PAUSE_S", 0.3)
    return InlineAnnouncer(CircuitBreaker(bus), origin="a function")


async def test_an_event_names_a_stored_entry_and_the_time_of_its_commit(inline, bus):
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # an event's time is in whole milliseconds
    await inline.announce(message(1))
    await inline.announce(finalized(2))
    assert [event.seq for event in bus.taken] == [1, 2]
    assert before <= bus.taken[0].at <= datetime.now(UTC)


@pytest.mark.parametrize("announcer", ["inline", "background"])
async def test_every_kind_of_entry_a_deletion_and_an_erasure_have_an_event(request, bus, announcer):
    announces = request.getfixturevalue(announcer)
    for entry in (message(1), edited(2), renamed(3), finalized(4)):
        await announces.announce(entry)
    await announces.announce_deletion("c1")
    await announces.announce_erasure("bob")
    if announcer == "background":
        await announces.close()
        assert [call[0] for call in announces._rooms.method_calls] == [
            *["receive"] * 4,
            "suspect",
            "sweep_soon",
        ]
    found = [(event.type, event.conversation_id, event.seq) for event in bus.taken]
    assert found == [
        ("message.created", "c1", 1),
        ("message.changed", "c1", 2),
        ("conversation.changed", "c1", 3),
        ("conversation.finalized", "c1", 4),
        ("conversation.deleted", "c1", None),
        ("user.erased", None, None),
    ]
    assert bus.taken[-1].data.user_id == "bob"


@pytest.mark.parametrize("failure", ["away", "frozen"])
async def test_a_bus_that_takes_nothing_delays_no_function(inline, bus, failure, caplog):
    bus.away = failure == "away"
    bus.thawed.clear()
    async with asyncio.timeout(0.55):
        for seq in (1, 2, 3):
            await inline.announce(message(seq))
    assert (bus.tries, len(caplog.records)) == (1, 1)
    bus.away = False
    bus.thawed.set()
    await asyncio.sleep(0.35)
    await inline.announce(message(4))
    assert [event.seq for event in bus.taken] == [4]


async def test_events_in_flight_are_bounded_and_entries_precede_typing(background, bus, monkeypatch):
    monkeypatch.setattr(announce, "MAX_PUBLISHING", 6)
    monkeypatch.setattr(announce, "MAX_PUBLISHING_TYPING", 2)
    bus.thawed.clear()
    for _ in range(5):
        background.announce_typing(STATE)
    for seq in range(1, 10):
        await background.announce(message(seq))
    bus.thawed.set()
    await background.close()
    assert [event.type for event in bus.taken] == ["typing"] * 2 + ["message.created"] * 4


async def test_a_bus_that_is_away_is_logged_once(background, bus, caplog):
    bus.away = True
    with caplog.at_level(logging.WARNING, "confab"):
        for seq in range(1, 6):
            await background.announce(message(seq))
        await background.close()
    assert [record.message for record in caplog.records] == ["the bus does not take events"]


async def test_its_own_events_and_defects_do_not_stop_the_consumer(adapters, container, caplog, monkeypatch):
    entries: list[tuple[int, datetime]] = []

    def entry(_room: str, seq: int, committed_at: datetime) -> None:
        if seq == 2:
            raise RuntimeError("a defect")
        entries.append((seq, committed_at))

    typed: list[Typing] = []
    suspected: list[str] = []
    swept: list[bool] = []
    monkeypatch.setattr(container.rooms, "suspect", suspected.append)
    monkeypatch.setattr(container.rooms, "sweep_soon", lambda: swept.append(True))
    monkeypatch.setattr(container.rooms, "advance_head", entry)
    monkeypatch.setattr(container._typing, "receive", typed.append)
    consuming = asyncio.create_task(container._consume())
    await until(lambda: adapters.subscription.connected)
    await adapters.publisher.publish(event_of(message(1), origin=adapters.instance))
    for seq in (2, 3):
        await adapters.publisher.publish(event_of(message(seq), origin="elsewhere", at=LATER))
    await adapters.publisher.publish(deletion_of("c1", origin="elsewhere", at=NOW))
    await adapters.publisher.publish(erasure_of("bob", origin="elsewhere", at=NOW))
    await adapters.publisher.publish(Typing(conversation_id="c1", data=STATE, origin="elsewhere", at=NOW))
    await until(lambda: typed)
    assert entries == [(3, LATER)]
    assert (suspected, swept) == (["c1"], [True])
    assert "could not be passed on" in caplog.text
    await adapters.subscription.close()
    await asyncio.wait_for(consuming, 15)
