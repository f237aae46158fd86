"""Rooms over a store that fails and a bus that names entries wrongly, and their sockets that come and go."""

import asyncio
from unittest.mock import patch

import pytest

from confab import trace
from confab.ports.removal import Erasure
from confab.ports.store import Excerpt
from confab.ports.telemetry import Commit
from confab.realtime import rooms as rooms_module
from confab.realtime import served
from confab.trace import Trace
from tests.support.rooms import AWAY, DEFECT, ROOM, Socket
from tests.support.samples import NOW, draft, message
from tests.support.waiting import until

ONE, TWO = Trace("1" * 32, "1" * 16), Trace("2" * 32, "2" * 16)


async def test_a_long_gap_is_read_in_pages(world, monkeypatch):
    monkeypatch.setattr(served, "ENTRIES_PER_READ", 10)
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
    await world.write(2)
    world.receive(1)
    await asyncio.sleep(0.05)
    assert (world.seqs["s1"], world.store.reads) == ([1], 1)
    world.announce(2)
    await until(lambda: world.seqs["s1"] == [1, 2])
    await world.rooms.sweep()
    await world.rooms.sweep()
    assert caplog.messages == ["the bus named entries that are not stored"]


async def test_a_defect_while_a_gap_is_filled_is_logged_once_and_left_to_the_sweep(world, caplog):
    await world.join("s1")
    await world.write(2)
    with patch.object(served.ServedRoom, "_envelopes", side_effect=DEFECT):
        world.announce(2)
        await until(lambda: caplog.messages)
        await asyncio.sleep(0.1)
    assert caplog.messages == ["a gap could not be filled; the sweep tries again"]
    await world.rooms.sweep()
    await until(lambda: world.seqs["s1"] == [1, 2])


async def test_the_commits_of_entries_to_be_read_are_bounded(world, monkeypatch):
    monkeypatch.setattr(rooms_module, "MAX_COMMITS", 5)
    await world.join("s1")
    world.store.error = AWAY
    world.announce(*range(2, 100))
    assert len(world.rooms._served[ROOM].commits) == 5


def test_an_entry_that_the_bus_lost_is_swept_well_within_the_five_seconds_that_are_promised():
    assert rooms_module.SWEEP_S * 1.1 + rooms_module.GRACE_S < 5 / 2


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


async def test_a_delivery_belongs_to_the_trace_of_its_own_entry_and_one_that_was_read_to_none(
    world, monkeypatch
):
    reading = []

    async def read(*_: object) -> Excerpt:
        reading.append(trace.current())
        return Excerpt([message(1, ROOM), message(2, ROOM)], ["s1"], 0)

    monkeypatch.setattr(world.store, "entries", read)
    await world.join("s1")
    for seq, its_own in ((3, TWO), (2, ONE)):
        with trace.Entered(its_own):
            world.rooms.receive(message(seq, ROOM), NOW)
    await until(lambda: len(world.delivered) == 3)
    assert world.delivered == [(1, 1, Commit()), (2, 1, Commit(NOW, ONE)), (3, 1, Commit(NOW, TWO))]
    assert reading == [None]


async def test_the_slower_of_two_first_joins_reads_what_it_lacks(world):
    await world.overtaken("slow", "fast")
    await world.finish("slow", 3)
    world.receive(6)
    assert world.seqs == {"fast": [6], "slow": [4, 5, 6]}
    assert world.resyncs == []


@pytest.mark.parametrize(
    ("error", "reads", "last"),
    [(AWAY, 0, 0), (DEFECT, 0, 0), (AWAY, 1, 2)],
    ids=["away", "defect", "half way"],
)
async def test_a_join_that_cannot_be_completed_resyncs_from_its_last_entry(
    world, monkeypatch, caplog, error, *, reads, last
):
    monkeypatch.setattr(served, "ENTRIES_PER_READ", 2)
    await world.overtaken("slow", "fast")
    world.store.error, world.store.error_after = error, reads
    await world.finish("slow", 0)
    world.receive(6)
    assert (world.resyncs, world.seqs["fast"]) == ([("slow", last)], [6])
    assert world.seqs["slow"] == list(range(1, last + 1))
    assert ("a gap could not be read" in caplog.text) == (error is DEFECT)


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


@pytest.mark.parametrize("others", [[], ["quick"]])
async def test_a_slow_reader_gets_nothing_after_its_resync(world, others):
    await world.join("s1", *others)
    world.slow = {("s1", 1)}
    world.receive(2, 1)
    assert (world.resyncs, world.seqs) == ([("s1", 0)], {sid: [1, 2] for sid in others})
    assert (world.rooms.counts.deliveries, len(world.rooms)) == (2 * len(others), len(others))


async def test_a_slow_reader_of_what_it_missed_while_it_joined_gets_nothing_after_its_resync(world):
    await world.join("quick")
    world.begin("replayed", "filled")
    assert world.rooms.others(ROOM, "nobody") == ["quick"]
    world.receive(1, 2, 3)
    world.slow = {("replayed", 2), ("filled", 3)}
    await world.finish("replayed", 0)
    await world.finish("filled", 1)
    world.receive(4)
    assert world.resyncs == [("replayed", 1), ("filled", 2)]
    assert world.seqs == {"replayed": [1], "filled": [2], "quick": [1, 2, 3, 4]}
    assert world.rooms.others(ROOM, "quick") == []


async def test_an_entry_that_a_socket_did_not_take_is_no_delivery(world):
    await world.join("s1", "quick")
    world.slow = {("s1", 2), ("quick", 3)}
    world.receive(1, 2, 3)
    assert [(seq, sockets) for seq, sockets, _ in world.delivered] == [(1, 2), (2, 1)]
    assert world.rooms.counts.deliveries == 3


@pytest.mark.parametrize("erased", [False, True])
async def test_a_removed_member_gets_nothing_later_also_when_erased_before_the_room_reads_it(world, erased):
    await world.join("bob", "alice")
    await world.remove("bob", erased=erased)
    await world.write(1)
    await world.rooms.sweep()
    await until(lambda: world.seqs["alice"] == [1, 2])
    assert world.seqs["bob"] == [1]
    assert ("bob", "removed") in world.events


async def test_a_socket_that_fails_to_join_again_is_resynced_if_messages_were_emptied_meanwhile(world):
    await world.store.append(draft(conversation_id=ROOM, author="bob"), now=NOW)
    for sid in ("alice", "rita"):
        world.begin(sid)
        await world.finish(sid, 1, 0)
    known = world.rooms.begin_join(ROOM, Socket(world, "rita"))
    await world.remove("bob")
    await world.rooms.sweep()
    await until(lambda: world.seqs["alice"] == [2])
    await world.rooms.sweep()
    await world.finish("rita", *known)
    erased = [who for who, event in world.events if event == (ROOM, Erasure(1, [1]))]
    assert (erased, world.resyncs) == (["alice"], [("rita", 1)])
