"""Rooms over a store that fails and a bus that names entries wrongly: gaps, sweeps, traces."""

import asyncio
from unittest.mock import patch

import pytest

from confab import trace
from confab.ports.store import Excerpt
from confab.ports.telemetry import Commit
from confab.realtime import rooms as rooms_module
from confab.realtime import served
from confab.trace import Trace
from tests.support.rooms import AWAY, DEFECT, ROOM
from tests.support.samples import NOW, message
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
