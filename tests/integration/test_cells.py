"""Two cells on one store: an instance of `main` and one of `b`, each with its own topic."""

from dataclasses import replace
from functools import partial

import pytest

from confab import config
from confab.domain.cells import cell_of
from confab.domain.events import Event, Typing
from confab.fanout import watchdog
from confab.wiring import Adapters
from infra.probes.conversation import conversation
from infra.probes.probes import probes
from tests.support.probes import found, system
from tests.support.waiting import until
from tests.support.world import World

MAIN, B = 0, 1
"""The instances."""


class Cells(World):
    def __init__(self, *servers):
        super().__init__(*servers, cells=("main", "b"))
        self.received: list[list[Event]] = []

    async def _start(self, cell):
        await super()._start(cell)
        self.received.append(received(self.adapters[-1].subscription))

    def entries(self, instance, room):
        """How many entries of a room the bus has delivered to an instance."""
        of_room = [event for event in self.received[instance] if event.conversation_id == room]
        return len([event for event in of_room if not isinstance(event, Typing)])


def received(subscription) -> list[Event]:
    """The events that a subscription delivers from now on."""
    events: list[Event] = []
    decoded = subscription._decoded

    def decode(messages):
        of_ours = decoded(messages)
        events.extend(event for _, event, _ in of_ours)
        return of_ours

    subscription._decoded = decode
    return events


@pytest.fixture
async def world(quick_sweeps, store_server, bus_server):
    async with Cells(store_server, bus_server).running() as world:
        yield world


async def test_an_event_reaches_the_instances_of_its_own_cell_only(world):
    rooms = {cell: await world.conversation(members=["bob"], cell=cell) for cell in world.cells}
    for index, cell in enumerate(world.cells):
        alice = await world.client("alice", index, rooms[cell])
        await world.rest_message(rooms[cell], "from a function")
        await alice.call("message", {"conversationId": rooms[cell], "content": "from a socket"})
        await alice.until(lambda c: c.seqs() == [1, 2])
    # the bus does not return to an instance what it published itself
    await until(lambda: [world.entries(at, rooms[cell]) for at, cell in enumerate(world.cells)] == [1, 1])
    await world.settled()
    assert world.entries(MAIN, rooms["b"]) == world.entries(B, rooms["main"]) == 0


async def test_a_room_that_is_joined_through_another_cells_container_is_served_from_the_store(world):
    room = await world.conversation(members=["bob"], cell="b")
    alice, bob = await world.client("alice", B, room), await world.client("bob", MAIN, room)
    for number in range(3):
        await world.rest_message(room, str(number))
    await alice.until(lambda c: c.seqs() == [1, 2, 3])
    await until(lambda: world.entries(B, room) == 3)
    await bob.until(lambda c: c.seqs() == [1, 2, 3])
    await bob.call("message", {"conversationId": room, "content": "from the other cell"})
    for client in (alice, bob):
        await client.until(lambda c: c.seqs() == [1, 2, 3, 4])
    await world.rest_finalize(room)
    await bob.until(lambda c: c.seqs() == [1, 2, 3, 4, 5])
    assert bob.of("message") == alice.of("message")
    assert world.entries(MAIN, room) == 0


async def test_a_function_that_does_not_know_a_cell_yet_loses_nothing(world):
    room = await world.conversation(cell="b")
    alice = await world.client("alice", B, room)
    old = Adapters(config.load(world.env | {"CONFAB_CELLS": ""}))
    known, world.function = world.function, old
    await known.close()
    assert cell_of(room, old.config.cells) == "main"
    await world.rest_message(room, "from the release before")
    await alice.until(lambda c: c.seqs() == [1])


async def test_a_container_probes_the_topic_of_its_own_cell(world, monkeypatch):
    monkeypatch.setattr(watchdog, "PROBE_S", 0.3)
    await world.client("alice", B, await world.conversation(cell="b"))
    await until(lambda: any(isinstance(event, Typing) for event in world.received[B]))
    await world.settled()
    assert world.containers[B]._watchdog.delivering
    assert world.received[MAIN] == []


@pytest.mark.parametrize("home", ["main", "b"])
async def test_the_doctor_probes_every_cell_and_expects_delivery_in_that_of_the_conversation(world, home):
    one, two = world.urls
    env = world.env | {"CONFAB_CELLS": f"b={two}", "CONFAB_NEW_CELLS": home}
    whole = config.load(env | {"CONFAB_REALTIME_URLS": one})
    async with system(env, [one]) as of_main:
        patient = replace(of_main, realtime=(one, two), config=whole)
        results = await found(partial(conversation, patient))
        at, elsewhere = (one, two) if home == "main" else (two, one)
        assert results[f"delivery {at}"].status == "ok"
        assert results[f"join {elsewhere}"].seen == f"the conversation belongs to the cell {home}"
        assert results[f"delivery {elsewhere}"].status == "skipped"
        assert not [each for each in results.values() if each.status == "FAIL"]
        every = await found(*probes(patient, ["web", "store", "conversation"]))
    assert {each.status for each in every.values()} == {"ok"}
    assert {"bus topic", "bus b topic", "bus b round trip", f"ready {two}"} <= every.keys()
