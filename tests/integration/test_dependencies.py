"""What an instance depends on goes away and comes back: it says so, and heals by itself."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from confab.domain.errors import Unavailable
from tests.integration.conftest import World
from tests.support.surrealdb import SurrealServer, surreal_server

HEALS_WITHIN_S = 10
ANSWERS_WITHIN_S = 7


@pytest.fixture
async def store(tmp_path) -> AsyncIterator[SurrealServer]:
    async with surreal_server(tmp_path / "store") as server:
        yield server


@pytest.fixture
async def fragile(store, bus_server) -> AsyncIterator[World]:
    """A world whose store is this test's own to break."""
    world = World(store, bus_server)
    await world.start()
    yield world
    await world.close()
    await bus_server.ensure_running()


async def missing(url: str) -> tuple[int, list[str]]:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
        return answer.status, (await answer.json())["missing"]


async def heals(world: World, room: str) -> None:
    """Within the promised time both instances are ready and a message reaches both."""
    clients = [await world.client("alice", index) for index in range(2)]
    async with asyncio.timeout(HEALS_WITHIN_S):
        for client in clients:
            while not (await client.join(room))["ok"]:
                await asyncio.sleep(0.1)
        while True:
            sent = await clients[0].call("message", {"conversationId": room, "content": "again"})
            if sent["ok"]:
                break
            await asyncio.sleep(0.1)
        for client in clients:
            await client.until(lambda c: sent["message"] in c.of("message"))
        for url in world.urls:
            while (await missing(url))[0] != 200:
                await asyncio.sleep(0.1)


async def test_a_store_that_is_killed_and_returns(fragile, store):
    room = await fragile.conversation(members=["bob"])
    alice, bob = await fragile.client("alice", 0, room), await fragile.client("bob", 1, room)
    assert (await alice.call("message", {"conversationId": room, "content": "before"}))["ok"]
    await store.kill()
    begin = time.monotonic()
    refused = await alice.call("message", {"conversationId": room, "content": "x", "clientMessageId": "m1"})
    assert refused["error"]["code"] == "unavailable"
    assert time.monotonic() - begin < ANSWERS_WITHIN_S
    assert await missing(fragile.urls[0]) == (503, ["store"])
    with pytest.raises(Unavailable):
        await fragile.rest_message(room, "x")
    await store.start()
    await heals(fragile, room)
    again = await alice.call("message", {"conversationId": room, "content": "x", "clientMessageId": "m1"})
    assert again["ok"]
    for client in (alice, bob):
        await client.until(lambda c: again["message"] in c.of("message"))
        assert client.seqs() == list(range(1, len(client.seqs()) + 1))


async def test_a_store_that_is_frozen_and_thaws(fragile, store):
    room = await fragile.conversation()
    alice = await fragile.client("alice", 0, room)
    store.freeze()
    begin = time.monotonic()
    refused = await alice.call("message", {"conversationId": room, "content": "x", "clientMessageId": "m1"})
    assert refused["error"]["code"] == "unavailable"
    assert time.monotonic() - begin < ANSWERS_WITHIN_S
    store.thaw()
    await heals(fragile, room)
    again = await alice.call("message", {"conversationId": room, "content": "x", "clientMessageId": "m1"})
    assert again["ok"]
    await alice.until(lambda c: again["message"] in c.of("message"))
    stored = [m["content"] for m in (await alice.join(room))["messages"]]
    assert stored.count("x") == 1


async def test_a_bus_that_is_killed_and_returns_empty(fragile, bus_server):
    room = await fragile.conversation(members=["bob"])
    bob = await fragile.client("bob", 1, room)
    await bus_server.kill()
    await fragile.rest_message(room, "meanwhile")
    await bob.until(lambda c: c.seqs() == [1], within=5)
    assert await missing(fragile.urls[1]) == (503, ["bus"])
    await bus_server.start()
    await heals(fragile, room)
    await bob.until(lambda c: len(c.seqs()) == 2)


async def test_a_listener_that_dies_begins_again(fragile):
    room = await fragile.conversation(members=["bob"])
    bob = await fragile.client("bob", 1, room)
    fragile.break_listener(1)
    await fragile.rest_message(room, "one")
    await bob.until(lambda c: c.seqs() == [1], within=5)
    await heals(fragile, room)


async def test_a_subscription_that_goes_deaf_is_found_out(fragile):
    room = await fragile.conversation(members=["bob"])
    await fragile.client("bob", 1, room)
    fragile.deafen(1)
    async with asyncio.timeout(HEALS_WITHIN_S):
        while (await missing(fragile.urls[1]))[1] != ["bus"]:
            await asyncio.sleep(0.1)
    await heals(fragile, room)
