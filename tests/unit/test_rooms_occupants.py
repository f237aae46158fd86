"""Sockets that join, leave and fall behind while entries arrive."""

import asyncio

import pytest

from confab.ports.removal import Erasure
from confab.realtime import served
from tests.support.rooms import AWAY, DEFECT, ROOM, Socket
from tests.support.samples import NOW, draft
from tests.support.waiting import until


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
