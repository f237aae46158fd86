"""A dependency of an instance fails and comes back: the instance reports it, and recovers by itself."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from confab.domain.errors import Unavailable
from tests.support.surrealdb import SurrealServer, surreal_server
from tests.support.world import World

RECOVERS_WITHIN_S = 10
ANSWERS_WITHIN_S = 10


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(tmp_path_factory) -> AsyncIterator[SurrealServer]:
    """A server that these tests may kill."""
    async with surreal_server(tmp_path_factory.mktemp("store")) as server:
        yield server


async def missing(url: str) -> tuple[int, list[str]]:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
        return answer.status, (await answer.json())["missing"]


async def reports(url: str, lacking: list[str]) -> None:
    """Wait until an instance lacks exactly these."""
    while (await missing(url))[1] != lacking:
        await asyncio.sleep(0.1)


async def recovers(world: World, room: str) -> None:
    """Both instances become ready, and a message reaches both."""
    again = {"conversationId": room, "content": "again"}
    clients = [await world.client("alice", index) for index in range(2)]
    async with asyncio.timeout(RECOVERS_WITHIN_S):
        for client in clients:
            while not (await client.join(room))["ok"]:
                await asyncio.sleep(0.1)
        while not (sent := await clients[0].call("message", again))["ok"]:
            await asyncio.sleep(0.1)
        for client in clients:
            await client.until(lambda c: sent["message"] in c.of("message"))
        for url in world.urls:
            await reports(url, [])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("frozen", [False, True])
async def test_a_store_that_goes_away_and_comes_back(store, bus_server, frozen):
    async with World(store, bus_server).running() as world:
        room = await world.conversation(members=["bob"])
        payload = {"conversationId": room, "content": "x", "clientMessageId": "m1"}
        alice, bob = await world.client("alice", 0, room), await world.client("bob", 1, room)
        if frozen:
            store.freeze()
        else:
            await store.kill()
        begin = time.monotonic()
        refused, of_function, lacking = await asyncio.gather(
            alice.call("message", payload),
            world.rest_message(room, "y"),
            missing(world.urls[0]),
            return_exceptions=True,
        )
        assert time.monotonic() - begin < ANSWERS_WITHIN_S
        assert refused["error"]["code"] == "unavailable"
        assert isinstance(of_function, Unavailable)
        assert lacking == (503, ["store"])
        if frozen:
            store.thaw()
        else:
            await store.start()
        await recovers(world, room)
        again = await alice.call("message", payload)
        assert again["ok"]
        for client in (alice, bob):
            await client.until(lambda c: again["message"] in c.of("message"))
            assert client.seqs() == list(range(1, len(client.seqs()) + 1))
            assert [message["content"] for message in client.of("message")].count("x") == 1


async def test_a_bus_that_is_killed_and_returns_empty(world, bus_server):
    room = await world.conversation(members=["bob"])
    bob = await world.client("bob", 1, room)
    await bus_server.kill()
    await world.rest_message(room, "meanwhile")
    await bob.until(lambda c: c.seqs() == [1])
    assert await missing(world.urls[1]) == (503, ["bus"])
    await bus_server.start()
    await recovers(world, room)
    await bob.until(lambda c: len(c.seqs()) == 2)


async def test_a_subscription_that_delivers_nothing_is_detected_and_replaced(world):
    room = await world.conversation(members=["bob"])
    await world.client("bob", 1, room)
    world.deafen(1)
    async with asyncio.timeout(RECOVERS_WITHIN_S):
        await reports(world.urls[1], ["bus"])
    await recovers(world, room)
