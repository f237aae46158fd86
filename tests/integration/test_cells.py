"""Two cells on one store: an instance of `main` and one of `b`, each with its own topic."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
import pytest_asyncio

from confab import config
from confab.domain.cells import cell_of
from confab.domain.events import Event, Typing
from confab.fanout import watchdog
from confab.wiring import Adapters
from infra.probes.conversation import conversation
from infra.probes.probes import probes
from tests.integration.conftest import World
from tests.support.probes import found, system

MAIN, B = 0, 1
"""The instances."""
PROMISED_S = 5
"""Within which an entry arrives without the bus."""


class Cells(World):
    cells = ("main", "b")

    async def start(self):
        await super().start()
        self.heard: list[list[Event]] = [[], []]
        """The events that each instance's subscription has brought."""
        for adapters, events in zip(self._adapters, self.heard, strict=True):
            self._listen_in(adapters.subscription, events)

    def _listen_in(self, subscription, events):
        decoded = subscription._decoded

        def decode(messages):
            received = decoded(messages)
            events.extend(event for _, event, _ in received)
            return received

        subscription._decoded = decode

    def heard_of(self, instance, room):
        """How many events of a room came to an instance, written ones alone."""
        of_room = [event for event in self.heard[instance] if event.conversation_id == room]
        return len([event for event in of_room if not isinstance(event, Typing)])


@pytest_asyncio.fixture
async def world(store_server, bus_server):
    world = Cells(store_server, bus_server)
    await world.start()
    try:
        yield world
    finally:
        await world.close()
        await bus_server.ensure_running()


async def test_an_event_is_heard_in_its_own_cell_and_in_no_other(world):
    rooms = {cell: await world.conversation(members=["bob"], cell=cell) for cell in world.cells}
    for index, cell in enumerate(world.cells):
        alice = await world.client("alice", index, rooms[cell])
        await world.rest_message(rooms[cell], "from a function")
        await alice.call("message", {"conversationId": rooms[cell], "content": "from a socket"})
        await alice.until(lambda c: c.seqs() == [1, 2], within=1)
    for index, cell in enumerate(world.cells):  # an instance does not hear what it published itself
        await world._until(lambda index=index, cell=cell: world.heard_of(index, rooms[cell]) == 1)
    await world.settled()
    assert world.heard_of(MAIN, rooms["b"]) == world.heard_of(B, rooms["main"]) == 0


async def test_a_room_that_is_joined_through_another_cells_container_is_served_from_the_store(world):
    room = await world.conversation(members=["bob"], cell="b")
    alice, bob = await world.client("alice", B, room), await world.client("bob", MAIN, room)
    for number in range(3):
        await world.rest_message(room, str(number))
    await alice.until(lambda c: c.seqs() == [1, 2, 3], within=1)
    await bob.until(lambda c: c.seqs() == [1, 2, 3], within=PROMISED_S)
    await bob.call("message", {"conversationId": room, "content": "from the other cell"})
    for client in (alice, bob):
        await client.until(lambda c: c.seqs() == [1, 2, 3, 4], within=1)
    await world.rest_finalize(room)
    await bob.until(lambda c: c.seqs() == [1, 2, 3, 4, 5], within=PROMISED_S)
    assert bob.of("message") == alice.of("message")
    assert world.heard_of(MAIN, room) == 0


async def test_a_function_that_does_not_know_a_cell_yet_loses_nothing(world):
    room = await world.conversation(cell="b")
    alice = await world.client("alice", B, room)
    old = Adapters(config.load(world._env | {"CONFAB_CELLS": ""}))
    known, world._function = world._function, old
    await known.close()
    assert cell_of(room, old.config.cells) == "main"
    await world.rest_message(room, "from the release before")
    await alice.until(lambda c: c.seqs() == [1], within=PROMISED_S)


async def test_a_container_probes_the_topic_of_its_own_cell(world, monkeypatch):
    monkeypatch.setattr(watchdog, "PROBE_S", 0.3)
    await world.client("alice", B, await world.conversation(cell="b"))
    dog = world._containers[B]._watchdog
    await world._until(lambda: any(isinstance(event, Typing) for event in world.heard[B]), within=6)
    await asyncio.sleep(1)
    assert dog.delivering
    assert world.heard[MAIN] == []
    world.deafen(B)
    await world._until(lambda: not dog.delivering)
    await world._until(lambda: dog.delivering)


@pytest.mark.parametrize("home", ["main", "b"])
async def test_the_doctor_looks_at_every_cell_and_awaits_a_conversation_in_its_own(world, home):
    one, two = world.urls
    env = world._env | {"CONFAB_CELLS": f"b={two}", "CONFAB_NEW_CELLS": home}
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
