"""Rooms over a store that fails, a bus that names entries wrongly, and slow readers."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import pytest

from confab import trace
from confab.domain.errors import Unavailable
from confab.domain.models import Entry
from confab.ports import Commit
from confab.realtime import rooms as rooms_module
from confab.realtime.rooms import Rooms
from confab.realtime.transport import Sent
from confab.trace import Trace
from tests.support.samples import NOW, conversation, draft, message
from tests.support.twins.store import MemoryStore
from tests.support.waiting import until

ROOM = "c1"
AWAY, DEFECT = Unavailable("The store does not answer."), RuntimeError("a defect")
ONE, TWO = Trace("1" * 32, "1" * 16), Trace("2" * 32, "2" * 16)


class FlakyStore(MemoryStore):
    """A memory store whose reads can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.error_after = 0
        """The reads that still succeed before `error` is raised."""
        self.reads = 0

    async def entries(self, conversation_id: str, first: int, last: int) -> list[Entry]:
        self._answer()
        await asyncio.sleep(0)  # a room that reads for ever then fails a test instead of hanging it
        return await super().entries(conversation_id, first, last)

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, int]:
        self._answer()
        return await super().heads(conversation_ids)

    def _answer(self) -> None:
        self.reads += 1
        if self.error is not None:
            self.error_after -= 1
            if self.error_after < 0:
                raise self.error


class Socket:
    """Implements `Member`."""

    def __init__(self, world: "World", sid: str) -> None:
        self.sid = sid
        self.uid = sid
        self._world = world

    def resync(self, conversation_id: str, after: int) -> None:
        self._world.rooms.leave(conversation_id, self.sid)
        self._world.resyncs.append((self.sid, after))


class World:
    """Rooms, their store, and what their sockets were sent. Stands in for the transport.

    A socket does not take the entries for which it is `slow`.
    """

    def __init__(self) -> None:
        self.store = FlakyStore()
        transport: Any = self
        self.rooms = Rooms(
            self.store, transport, delivered=lambda entry, *rest: self.delivered.append((entry.seq, *rest))
        )
        self.delivered: list[tuple[int, int, Commit]] = []
        """Of each delivery the entry's number, to how many sockets it went, and its commit."""
        self.seqs = defaultdict[str, list[int]](list)
        self.slow: set[tuple[str, int]] = set()
        self.resyncs: list[tuple[str, int]] = []

    def send_event(self, sids: Collection[str], event: str, data: Entry) -> Sent:
        assert event == "message"
        slow = [sid for sid in sids if (sid, data.seq) in self.slow]
        for sid in set(sids) - set(slow):
            self.seqs[sid].append(data.seq)
        return Sent(len(sids) - len(slow), slow)

    def begin(self, *sids: str) -> None:
        for sid in sids:
            self.rooms.begin_join(ROOM, Socket(self, sid))

    async def finish(self, sid: str, position: int) -> None:
        await self.rooms.finish_join(ROOM, Socket(self, sid), position)

    async def join(self, *sids: str) -> None:
        for sid in sids:
            self.begin(sid)
            await self.finish(sid, 0)

    async def write(self, count: int) -> None:
        for _ in range(count):
            await self.store.append(draft(conversation_id=ROOM), now=NOW)

    def receive(self, *seqs: int) -> None:
        """Receive entries that the process itself has stored."""
        for seq in seqs:
            self.rooms.receive(message(seq, ROOM))

    def announce(self, *seqs: int, room: str = ROOM) -> None:
        """Receive events of the bus that name these numbers."""
        for seq in seqs:
            self.rooms.advance_head(room, seq, NOW)

    async def overtaken(self, slow: str, fast: str, *, head: int = 5) -> None:
        """Two join; the fast one reaches the head while the slow one still reads."""
        self.begin(slow, fast)
        await self.write(head)
        await self.finish(fast, head)


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(rooms_module, "GRACE_S", 0.01)
    monkeypatch.setattr(rooms_module, "RETRY_S", 0.02)
    world = World()
    await world.store.create(conversation(ROOM), None, now=NOW)
    return world


async def test_a_gap_that_closes_within_the_grace_costs_no_read(world):
    await world.join("s1")
    await world.write(2)
    world.receive(2, 1)
    await asyncio.sleep(0.05)
    assert (world.seqs["s1"], world.store.reads) == ([1, 2], 0)


async def test_a_gap_is_filled_from_the_store_once_it_responds(world):
    await world.join("s1")
    await world.write(2)
    world.store.error = AWAY
    world.receive(2)
    await until(lambda: world.store.reads >= 3)
    assert world.seqs == {}
    world.store.error = None
    await until(lambda: world.seqs["s1"] == [1, 2])


async def test_a_long_gap_is_read_in_pages(world, monkeypatch):
    monkeypatch.setattr(rooms_module, "ENTRIES_PER_READ", 10)
    await world.join("s1")
    await world.write(35)
    world.receive(35)
    await until(lambda: world.seqs["s1"] == list(range(1, 36)))
    assert world.store.reads == 4


async def test_an_entry_that_the_bus_names_is_read_from_the_store(world):
    await world.join("s1")
    await world.write(3)
    for seq, its_own in ((3, TWO), (2, ONE)):
        with trace.Entered(its_own):
            world.announce(seq)
    await until(lambda: world.seqs["s1"] == [1, 2, 3])
    assert world.delivered == [(1, 1, Commit()), (2, 1, Commit(NOW, ONE)), (3, 1, Commit(NOW, TWO))]
    assert world.store.reads == 1
    world.announce(3)
    world.announce(3, room="another")
    await asyncio.sleep(0.02)
    assert (world.store.reads, len(world.rooms)) == (1, 1)


async def test_numbers_that_the_bus_names_and_the_store_lacks_are_forgotten(world, caplog):
    await world.join("s1")
    world.announce(9, 2**60, 10**6)
    await until(lambda: world.store.reads == 1)
    await world.write(1)
    world.receive(1)
    await asyncio.sleep(0.05)
    assert (world.seqs["s1"], world.store.reads) == ([1], 1)
    await world.rooms.sweep()
    await world.rooms.sweep()
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("WARNING", "the bus named entries that are not stored")
    ]


async def test_an_entry_that_is_named_too_soon_arrives_once_it_is_stored(world):
    await world.join("s1")
    world.announce(1)
    await until(lambda: world.store.reads == 1)
    await world.write(1)
    world.announce(1)
    await until(lambda: world.seqs["s1"] == [1])


async def test_the_commits_of_entries_to_be_read_are_bounded(world, monkeypatch):
    monkeypatch.setattr(rooms_module, "MAX_COMMITS", 5)
    await world.join("s1")
    world.store.error = AWAY
    world.announce(*range(2, 100))
    assert len(world.rooms._served[ROOM].commits) == 5


async def test_a_sweep_waits_for_the_bus_to_deliver_first(world, monkeypatch, caplog):
    monkeypatch.setattr(rooms_module, "GRACE_S", 0.2)
    await world.join("s1")
    await world.write(1)
    sweeping = asyncio.create_task(world.rooms.sweep())
    await asyncio.sleep(0.05)
    world.announce(1)
    await sweeping
    assert (world.seqs["s1"], world.rooms.gaps_filled, caplog.messages) == ([1], 0, [])


async def test_a_sweep_fills_gaps_that_no_event_named_and_logs_how_many(world, caplog):
    await world.join("s1")
    await world.write(2)
    for _ in range(3):
        await world.rooms.sweep()
        await until(lambda: world.seqs["s1"] == [1, 2])
    lines = [record for record in caplog.records if record.message == "gaps were filled from the store"]
    assert [line.gaps for line in lines] == [1]


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (AWAY, {"the sweep could not read the heads"}),
        (DEFECT, {"the sweep failed", "a gap could not be read"}),
    ],
)
async def test_the_sweep_and_the_filling_of_gaps_outlive_an_error_of_the_store(
    world, monkeypatch, caplog, error, *, lines
):
    monkeypatch.setattr(rooms_module, "SWEEP_S", 0.01)
    await world.join("s1")
    await world.write(2)
    world.store.error = error
    sweeping = asyncio.create_task(world.rooms.watch())
    world.receive(2)
    await until(lambda: world.store.reads >= 6)
    world.store.error = None
    await until(lambda: world.seqs["s1"] == [1, 2])
    sweeping.cancel()
    assert lines <= set(caplog.messages)


async def test_the_slower_of_two_first_joins_reads_what_it_lacks(world):
    await world.overtaken("slow", "fast")
    await world.finish("slow", 3)
    world.receive(6)
    assert world.seqs == {"fast": [6], "slow": [4, 5, 6]}
    assert world.resyncs == []


@pytest.mark.parametrize("error", [AWAY, DEFECT])
async def test_a_join_that_cannot_be_completed_ends_in_a_resync(world, caplog, error):
    await world.overtaken("slow", "fast")
    world.store.error = error
    await world.finish("slow", 3)
    world.receive(6)
    assert (world.resyncs, world.seqs) == ([("slow", 3)], {"fast": [6]})
    assert ("a gap could not be read" in caplog.text) == (error is DEFECT)


async def test_a_join_that_is_half_completed_resyncs_from_its_last_entry(world, monkeypatch):
    monkeypatch.setattr(rooms_module, "ENTRIES_PER_READ", 2)
    await world.overtaken("slow", "fast")
    world.store.error, world.store.error_after = AWAY, 1
    await world.finish("slow", 0)
    assert (world.resyncs, world.seqs["slow"]) == ([("slow", 2)], [1, 2])


async def test_an_empty_room_is_dropped_and_reads_nothing(world):
    await world.join("s1")
    await world.write(2)
    world.store.error = AWAY
    world.receive(2)
    await until(lambda: world.store.reads >= 1)
    world.rooms.leave(ROOM, "s1")
    world.rooms.leave(ROOM, "s1")
    reads = world.store.reads
    await asyncio.sleep(0.1)
    assert (len(world.rooms), world.store.reads) == (0, reads)
    assert world.rooms.others(ROOM, "nobody") == []


async def test_others_are_the_live_sockets_of_other_users(world):
    await world.join("s1", "s2")
    world.begin("s3")
    assert world.rooms.others(ROOM, "s2") == ["s1"]


@pytest.mark.parametrize("others", [[], ["quick"]])
async def test_a_slow_reader_gets_nothing_after_its_resync(world, others):
    await world.join("s1", *others)
    world.slow = {("s1", 1)}
    world.receive(2, 1)
    assert (world.resyncs, world.seqs) == ([("s1", 0)], {sid: [1, 2] for sid in others})
    assert (world.rooms.deliveries, len(world.rooms)) == (2 * len(others), len(others))


async def test_a_slow_reader_of_replayed_entries_gets_nothing_after_its_resync(world):
    await world.join("quick")
    world.begin("s1")
    world.receive(1, 2, 3)
    world.slow = {("s1", 2)}
    await world.finish("s1", 0)
    world.receive(4)
    assert world.resyncs == [("s1", 1)]
    assert world.seqs == {"s1": [1], "quick": [1, 2, 3, 4]}


async def test_a_slow_reader_of_a_filled_gap_gets_nothing_after_its_resync(world):
    await world.overtaken("s1", "quick")
    world.slow = {("s1", 3)}
    await world.finish("s1", 1)
    assert (world.resyncs, world.seqs) == ([("s1", 2)], {"s1": [2]})
    assert world.rooms.others(ROOM, "nobody") == ["quick"]


async def test_an_entry_that_a_socket_did_not_take_is_no_delivery(world):
    await world.join("s1", "quick")
    world.slow = {("s1", 2), ("quick", 3)}
    world.receive(1, 2, 3)
    assert [(seq, sockets) for seq, sockets, _ in world.delivered] == [(1, 2), (2, 1)]
    assert world.rooms.deliveries == 3


async def test_a_delivery_belongs_to_the_trace_of_its_own_entry(world):
    await world.join("s1")
    for seq, its_own in ((2, TWO), (1, ONE)):
        with trace.Entered(its_own):
            world.rooms.receive(message(seq, ROOM), NOW)
    assert world.delivered == [(1, 1, Commit(NOW, ONE)), (2, 1, Commit(NOW, TWO))]


async def test_an_entry_read_from_the_store_belongs_to_no_trace(world, monkeypatch):
    reading = []

    async def read(*_: object) -> list[Entry]:
        reading.append(trace.current())
        return [message(1, ROOM)]

    monkeypatch.setattr(world.store, "entries", read)
    await world.join("s1")
    with trace.Entered(TWO):
        world.rooms.receive(message(2, ROOM), NOW)
    await until(lambda: len(world.delivered) == 2)
    assert world.delivered == [(1, 1, Commit()), (2, 1, Commit(NOW, TWO))]
    assert reading == [None]


async def test_an_entry_that_the_store_repeats_keeps_its_first_trace(world):
    await world.join("s1")
    with trace.Entered(TWO):
        world.rooms.receive(message(2, ROOM), NOW)
    world.receive(2, 1)
    assert [commit for *_, commit in world.delivered] == [Commit(), Commit(NOW, TWO)]
