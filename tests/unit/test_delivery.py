"""Rooms fed from a store that fails, and events that lie."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence

import pytest

from confab import trace
from confab.domain.errors import Unavailable
from confab.domain.models import Entry
from confab.ports import Commit
from confab.realtime import delivery, room
from confab.realtime.delivery import Rooms
from confab.store.memory import MemoryStore
from confab.trace import Trace
from tests.support.samples import NOW, conversation, draft, message

ROOM = "c1"
ONE, TWO = Trace("1" * 32, "1" * 16), Trace("2" * 32, "2" * 16)


class FlakyStore(MemoryStore):
    """A memory store that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.away_after: int | None = None
        self.defect = False
        self.reads = 0

    async def entries(self, conversation_id: str, first: int, last: int) -> list[Entry]:
        self._answer()
        return await super().entries(conversation_id, first, last)

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, int]:
        self._answer()
        return await super().heads(conversation_ids)

    def _answer(self) -> None:
        self.reads += 1
        if self.defect:
            raise RuntimeError("a defect")
        if self.away_after is not None:
            self.away = self.away_after == 0
            self.away_after -= 1
        if self.away:
            raise Unavailable("The store does not answer.")


class Sent:
    """Implements `Sender`: remembers what each socket was sent.

    Entries in `heavy` are too much for the sockets in `slow`: they leave, and have to join again.
    """

    def __init__(self) -> None:
        self.seqs = defaultdict[str, list[int]](list)
        self.rooms: Rooms | None = None
        self.slow: set[str] = set()
        self.heavy: set[int] = set()
        self.resyncs: list[tuple[str, int]] = []

    def entry(self, sids: Collection[str], entry: Entry) -> int:
        taken = 0
        for sid in sids:
            if sid in self.slow and entry.seq in self.heavy:
                assert self.rooms is not None
                self.rooms.leave(ROOM, sid)
                self.resyncs.append((sid, entry.seq - 1))
            else:
                self.seqs[sid].append(entry.seq)
                taken += 1
        return taken


@pytest.fixture
async def store():
    store = FlakyStore()
    await store.create(conversation(ROOM), None, now=NOW)
    return store


@pytest.fixture
def sent():
    return Sent()


@pytest.fixture
def rooms(store, sent, monkeypatch):
    monkeypatch.setattr(delivery, "GRACE_S", 0.01)
    monkeypatch.setattr(delivery, "RETRY_S", 0.02)
    sent.rooms = Rooms(store, sent)
    return sent.rooms


@pytest.fixture
def delivered(rooms):
    """What is told of each delivery: the entry's number, to how many it went, and its commit."""
    told: list[tuple[int, int, Commit]] = []
    rooms._delivered = lambda entry, sockets, commit: told.append((entry.seq, sockets, commit))
    return told


async def write(store: FlakyStore, count: int) -> None:
    for _ in range(count):
        await store.append(draft(conversation_id=ROOM), now=NOW)


async def joined(rooms: Rooms, sid: str = "s1", position: int = 0) -> None:
    rooms.begin_join(ROOM, sid)
    await rooms.finish_join(ROOM, sid, position)


async def until(condition) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_hole_is_read_from_the_store(rooms, store, sent):
    await joined(rooms)
    await write(store, 3)
    rooms.hear(message(3, ROOM))
    await until(lambda: sent.seqs["s1"] == [1, 2, 3])


async def test_a_hole_that_closes_by_itself_costs_no_read(rooms, store, sent):
    await joined(rooms)
    await write(store, 2)
    rooms.hear(message(2, ROOM))
    rooms.hear(message(1, ROOM))
    await asyncio.sleep(0.05)
    assert (sent.seqs["s1"], store.reads) == ([1, 2], 0)


async def test_a_hole_is_filled_when_the_store_comes_back(rooms, store, sent):
    await joined(rooms)
    await write(store, 2)
    store.away = True
    rooms.hear(message(2, ROOM))
    await until(lambda: store.reads >= 3)
    assert sent.seqs == {}
    store.away = False
    await until(lambda: sent.seqs["s1"] == [1, 2])


async def test_a_long_hole_is_read_in_pages(rooms, store, sent, monkeypatch):
    monkeypatch.setattr(delivery, "ENTRIES_PER_READ", 10)
    await joined(rooms)
    await write(store, 35)
    rooms.hear(message(35, ROOM))
    await until(lambda: sent.seqs["s1"] == list(range(1, 36)))
    assert store.reads == 4


async def test_what_the_bus_tells_of_is_read_from_the_store(rooms, store, sent, delivered):
    await joined(rooms)
    await write(store, 3)
    for seq, its_own in ((3, TWO), (2, ONE)):
        with trace.Entered(its_own):
            rooms.hear_of(ROOM, seq, NOW)
    await until(lambda: sent.seqs["s1"] == [1, 2, 3])
    assert delivered == [(1, 1, Commit()), (2, 1, Commit(NOW, ONE)), (3, 1, Commit(NOW, TWO))]
    assert store.reads == 1
    rooms.hear_of(ROOM, 3, NOW)
    rooms.hear_of("another", 3, NOW)
    await asyncio.sleep(0.02)
    assert (store.reads, len(rooms)) == (1, 1)


async def test_what_the_bus_tells_of_and_is_not_stored_is_dropped(rooms, store, sent, caplog):
    await joined(rooms)
    for seq in (9, 2**60, 10**6):
        rooms.hear_of(ROOM, seq, NOW)
    await until(lambda: store.reads == 1)
    await write(store, 1)
    rooms.hear(message(1, ROOM))
    await asyncio.sleep(0.05)
    assert (sent.seqs["s1"], store.reads) == ([1], 1)
    await rooms.sweep()
    await rooms.sweep()
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("WARNING", "the bus told of entries that are not stored")
    ]


async def test_a_number_that_is_told_too_soon_comes_when_it_is_stored(rooms, store, sent):
    await joined(rooms)
    rooms.hear_of(ROOM, 1, NOW)
    await until(lambda: store.reads == 1)
    await write(store, 1)
    rooms.hear_of(ROOM, 1, NOW)
    await until(lambda: sent.seqs["s1"] == [1])


async def test_what_is_noted_of_entries_to_come_is_bounded(rooms, store, monkeypatch):
    monkeypatch.setattr(room, "MAX_WAITING", 5)
    await joined(rooms)
    store.away = True
    for seq in range(2, 100):
        rooms.hear_of(ROOM, seq, NOW)
    assert len(rooms._rooms[ROOM]._commits) == 5


async def test_a_sweep_lets_the_bus_catch_up_first(rooms, store, sent, monkeypatch, caplog):
    monkeypatch.setattr(delivery, "GRACE_S", 0.2)
    await joined(rooms)
    await write(store, 1)
    sweeping = asyncio.create_task(rooms.sweep())
    await asyncio.sleep(0.05)
    rooms.hear_of(ROOM, 1, NOW)
    await sweeping
    assert (sent.seqs["s1"], rooms.holes_filled, caplog.messages) == ([1], 0, [])


async def test_a_sweep_finds_what_no_event_told(rooms, store, sent):
    await joined(rooms)
    await write(store, 2)
    await rooms.sweep()
    await until(lambda: sent.seqs["s1"] == [1, 2])


async def test_a_sweep_says_how_many_holes_it_found(rooms, store, sent, caplog):
    await joined(rooms)
    await write(store, 2)
    for seqs in ([1, 2], [1, 2], [1, 2]):
        await rooms.sweep()
        await until(lambda seqs=seqs: sent.seqs["s1"] == seqs)
    told = [record for record in caplog.records if record.message == "holes were filled from the store"]
    assert [record.holes for record in told] == [1]


async def test_the_sweep_outlives_a_store_that_is_away(rooms, store, sent, monkeypatch, caplog):
    monkeypatch.setattr(delivery, "SWEEP_S", 0.01)
    await joined(rooms)
    await write(store, 1)
    store.away = True
    with caplog.at_level(logging.WARNING, "confab"):
        sweeping = asyncio.create_task(rooms.sweep_for_ever())
        await until(lambda: store.reads >= 2)
        store.away = False
        await until(lambda: sent.seqs["s1"] == [1])
        sweeping.cancel()
    assert "the sweep could not read the heads" in caplog.text


async def test_a_join_that_cannot_be_completed_leaves_the_socket_out(rooms, store, sent):
    rooms.begin_join(ROOM, "slow")
    rooms.begin_join(ROOM, "fast")
    await write(store, 5)
    await rooms.finish_join(ROOM, "fast", 5)
    store.away = True
    assert await rooms.finish_join(ROOM, "slow", 3) == 3
    store.away = False
    await write(store, 1)
    rooms.hear(message(6, ROOM))
    assert sent.seqs == {"fast": [6]}


async def test_a_join_that_is_half_completed_says_how_far_it_got(rooms, store, sent, monkeypatch):
    monkeypatch.setattr(delivery, "ENTRIES_PER_READ", 2)
    rooms.begin_join(ROOM, "slow")
    rooms.begin_join(ROOM, "fast")
    await write(store, 5)
    await rooms.finish_join(ROOM, "fast", 5)
    store.away_after = 1
    assert await rooms.finish_join(ROOM, "slow", 0) == 2
    assert sent.seqs["slow"] == [1, 2]


async def test_a_defect_of_the_store_is_logged_and_the_work_goes_on(rooms, store, sent, monkeypatch, caplog):
    monkeypatch.setattr(delivery, "SWEEP_S", 0.01)
    await joined(rooms)
    await write(store, 1)
    store.defect = True
    sweeping = asyncio.create_task(rooms.sweep_for_ever())
    rooms.hear(message(1, ROOM).model_copy(update={"seq": 2}))
    await until(lambda: store.reads >= 6)
    store.defect = False
    await until(lambda: sent.seqs["s1"][:1] == [1])
    sweeping.cancel()
    assert "the sweep failed" in caplog.text
    assert "a hole could not be read" in caplog.text


async def test_the_slower_of_two_first_joins_reads_what_it_lacks(rooms, store, sent):
    rooms.begin_join(ROOM, "slow")
    rooms.begin_join(ROOM, "fast")
    await write(store, 5)
    assert await rooms.finish_join(ROOM, "fast", 5) is None
    assert await rooms.finish_join(ROOM, "slow", 3) is None
    await write(store, 1)
    rooms.hear(message(6, ROOM))
    assert sent.seqs == {"fast": [6], "slow": [4, 5, 6]}


async def test_nothing_is_left_of_an_empty_room(rooms, store):
    await joined(rooms)
    await write(store, 2)
    store.away = True
    rooms.hear(message(2, ROOM))
    await until(lambda: store.reads >= 1)
    rooms.leave(ROOM, "s1")
    rooms.leave(ROOM, "s1")
    reads = store.reads
    await asyncio.sleep(0.1)
    assert (len(rooms), store.reads) == (0, reads)
    assert rooms.sids(ROOM) == ()


async def test_who_falls_behind_gets_nothing_after_its_resync(rooms, sent):
    await joined(rooms)
    await joined(rooms, "quick")
    sent.slow, sent.heavy = {"s1"}, {1}
    rooms.hear(message(2, ROOM))
    rooms.hear(message(1, ROOM))
    assert sent.resyncs == [("s1", 0)]
    assert sent.seqs == {"quick": [1, 2]}
    assert rooms.deliveries == 2


async def test_the_last_of_a_room_that_falls_behind_leaves_nothing_of_it(rooms, sent):
    await joined(rooms)
    sent.slow, sent.heavy = {"s1"}, {1}
    rooms.hear(message(2, ROOM))
    rooms.hear(message(1, ROOM))
    assert (sent.resyncs, sent.seqs, len(rooms)) == ([("s1", 0)], {}, 0)


async def test_who_falls_behind_while_it_catches_up_gets_nothing_after_its_resync(rooms, sent):
    await joined(rooms, "quick")
    rooms.begin_join(ROOM, "s1")
    for seq in (1, 2, 3):
        rooms.hear(message(seq, ROOM))
    sent.slow, sent.heavy = {"s1"}, {2}
    assert await rooms.finish_join(ROOM, "s1", 0) is None
    rooms.hear(message(4, ROOM))
    assert sent.resyncs == [("s1", 1)]
    assert sent.seqs == {"s1": [1], "quick": [1, 2, 3, 4]}


async def test_who_falls_behind_in_what_is_read_for_it_gets_nothing_after_its_resync(rooms, store, sent):
    rooms.begin_join(ROOM, "s1")
    rooms.begin_join(ROOM, "quick")
    await write(store, 5)
    await rooms.finish_join(ROOM, "quick", 5)
    sent.slow, sent.heavy = {"s1"}, {3}
    assert await rooms.finish_join(ROOM, "s1", 1) is None
    assert sent.resyncs == [("s1", 2)]
    assert sent.seqs == {"s1": [2]}
    assert list(rooms.sids(ROOM)) == ["quick"]


async def test_a_join_that_meets_a_defect_leaves_the_socket_out(rooms, store, sent, caplog):
    rooms.begin_join(ROOM, "slow")
    rooms.begin_join(ROOM, "fast")
    await write(store, 5)
    await rooms.finish_join(ROOM, "fast", 5)
    store.defect = True
    assert await rooms.finish_join(ROOM, "slow", 3) == 3
    assert list(rooms.sids(ROOM)) == ["fast"]
    assert "a join could not be completed" in caplog.text


async def test_what_a_socket_did_not_take_is_no_delivery(rooms, sent, delivered):
    await joined(rooms)
    await joined(rooms, "quick")
    rooms.hear(message(1, ROOM))
    sent.slow, sent.heavy = {"s1"}, {2}
    rooms.hear(message(2, ROOM))
    sent.slow, sent.heavy = {"quick"}, {3}
    rooms.hear(message(3, ROOM))
    assert [(seq, sockets) for seq, sockets, _ in delivered] == [(1, 2), (2, 1)]
    assert rooms.deliveries == 3


async def test_a_delivery_belongs_to_the_trace_of_its_own_entry(rooms, delivered):
    await joined(rooms)
    for seq, its_own in ((2, TWO), (1, ONE)):
        with trace.Entered(its_own):
            rooms.hear(message(seq, ROOM), NOW)
    assert delivered == [(1, 1, Commit(NOW, ONE)), (2, 1, Commit(NOW, TWO))]


async def test_what_is_read_from_the_store_belongs_to_no_trace(rooms, store, delivered, monkeypatch):
    reading = []

    async def read(*_: object) -> list[Entry]:
        reading.append(trace.current())
        return [message(1, ROOM)]

    monkeypatch.setattr(store, "entries", read)
    await joined(rooms)
    with trace.Entered(TWO):
        rooms.hear(message(2, ROOM), NOW)
    await until(lambda: len(delivered) == 2)
    assert delivered == [(1, 1, Commit()), (2, 1, Commit(NOW, TWO))]
    assert reading == [None]


async def test_what_the_store_repeats_keeps_the_trace_that_it_came_with(rooms, store, delivered):
    await joined(rooms)
    await write(store, 3)
    with trace.Entered(TWO):
        rooms.hear(message(2, ROOM), NOW)
    for seq in (2, 1):
        rooms.hear(message(seq, ROOM))
    assert delivered == [(1, 1, Commit()), (2, 1, Commit(NOW, TWO))]
