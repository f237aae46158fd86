"""How many connections of an address wait to be admitted, and how much waits for sockets to read."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

import aiohttp
import pytest

from confab.realtime.socketio import registry
from confab.realtime.socketio import socket as socket_module
from tests.support.clients import Client, DeafSocket
from tests.support.poller import Poller, connect, event
from tests.support.waiting import until
from tests.support.world import World

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
HEADERS: Mapping[str, Mapping[str, str]] = {"polling": {}, "websocket": UPGRADE}
OPENED = {"polling": 200, "websocket": 101}
BACKLOG = 600_000
KERNEL_BYTES = 32_768
CONTENT = "x" * 10_000
PAGE_BYTES = 100_000
Deaf = DeafSocket | Poller


class Door:
    """Where strangers connect to the first instance."""

    def __init__(self, world: World, http: aiohttp.ClientSession) -> None:
        self.world = world
        self._http = http

    async def waiting(self, address: str = "192.0.2.1") -> Poller:
        """A new connection of this address, which sends no handshake."""
        poller = Poller(self._http, self.world.urls[0])
        await poller.open(**{"X-Forwarded-For": address})
        return poller

    async def knock(self, transport: str = "polling", address: str = "192.0.2.1") -> int:
        """The status that another one gets, whose refusal is a problem that says when to try again."""
        url = f"{self.world.urls[0]}/socket.io/?EIO=4&transport={transport}"
        headers = {**HEADERS[transport], "X-Forwarded-For": address}
        async with asyncio.timeout(2), self._http.get(url, headers=headers) as answer:
            if answer.status == 503:
                assert answer.content_type == "application/problem+json"
                problem = json.loads(await answer.text())
                assert (problem["code"], answer.headers["Retry-After"]) == ("unavailable", "5")
            return answer.status


@pytest.fixture
async def door(request, store_server, bus_server, http):
    """Of an instance at which three connections of an address wait at most, five in all."""
    env = {"CONFAB_SOCKETS_PER_ADDRESS": "3", "CONFAB_WAITING_SOCKETS": "5", "CONFAB_TRUSTED_PROXIES": "1"}
    env |= getattr(request, "param", {})
    async with World(store_server, bus_server, cells=("main",), env=env).running() as world:
        world.connect_within(60)
        yield Door(world, http)


@pytest.mark.parametrize("transport", OPENED)
async def test_an_address_has_few_connections_waiting_until_one_is_admitted_or_gone(door, transport):
    first, second, _ = [await door.waiting() for _ in range(3)]
    assert await door.knock(transport) == 503
    await first.post(connect())
    await until(lambda: door.world.sockets() == 1)
    third = await door.waiting()
    assert await door.knock(transport) == 503
    await third.post("1")
    await first.post("41")  # leaves the namespace, and waits again
    await until(lambda: door.world.sockets() == 0)
    assert await door.knock(transport) == 503
    await second.post("1")
    assert await door.knock(transport) == OPENED[transport]
    assert await first.post(connect()) == 200
    await until(lambda: door.world.sockets() == 1)


@pytest.mark.parametrize(
    ("door", "address", "status"),
    [
        ({"CONFAB_TRUSTED_PROXIES": "0"}, "198.51.100.7", 503),
        ({}, "198.51.100.7, 192.0.2.1", 503),
        ({}, "192.0.2.1, 198.51.100.7", 200),
        ({"CONFAB_SOCKETS_PER_ADDRESS": "0"}, "192.0.2.1", 200),
    ],
    indirect=["door"],
)
async def test_an_address_is_what_our_own_proxies_say(door, address, status):
    for _ in range(3):
        await door.waiting()
    assert await door.knock(address=address) == status


async def test_past_the_total_the_oldest_of_the_address_with_most_is_closed_but_none_that_is_admitted(door):
    admitted = await door.waiting()
    await admitted.post(connect())
    await admitted.poll_until('40{"sid"')
    crowd = [await door.waiting() for _ in range(3)]
    others = [await door.waiting(f"198.51.100.{number}") for number in range(3)]
    assert [await poller.post(connect()) for poller in (*crowd, *others)] == [400, 200, 200, 200, 200, 200]
    await admitted.post(event("leave", conversationId="c1"))
    await admitted.poll_until('"ok":true')


@pytest.fixture
async def world(store_server, bus_server, monkeypatch):
    monkeypatch.setattr(registry, "RELIEF_S", 0.001)
    env = {
        "CONFAB_UNSENT_BYTES": str(BACKLOG),
        "CONFAB_SLOW_READER_BYTES": str(BACKLOG),
        "CONFAB_MAX_PAGE_BYTES": str(PAGE_BYTES),
        "CONFAB_MAX_SOCKETS_PER_USER": "0",
    }
    async with World(store_server, bus_server, cells=("main",), env=env).running() as world:
        yield world


@pytest.fixture(params=OPENED)
async def deaf(request, world, http) -> AsyncIterator[Callable[[str], Awaitable[Deaf]]]:
    """Connects a user's socket, which reads nothing until it is asked what it got."""
    async with AsyncExitStack() as ends:

        async def connected(user: str) -> Deaf:
            if request.param == "polling":
                return await Poller(http, world.urls[0]).admitted(user)
            deaf = await ends.enter_async_context(DeafSocket.connected(world.urls[0]))
            *_, served = world.containers[0].server.sessions
            served.outlet.wire._transport.get_extra_info("socket").setsockopt(
                SOL_SOCKET, SO_SNDBUF, KERNEL_BYTES
            )
            await deaf.say(connect(user))
            return deaf

        yield connected


async def say(deaf: Deaf, *packets: str) -> None:
    if isinstance(deaf, Poller):
        await deaf.post(*packets)
    else:
        for packet in packets:
            await deaf.say(packet)


async def heard(deaf: Deaf, name: str) -> dict[str, list[Any]]:
    """Everything that a socket was sent, by event, up to one of this name."""
    if isinstance(deaf, DeafSocket):
        return await deaf.read_until(name)
    await deaf.poll_until(f'42["{name}"')
    events: dict[str, list[Any]] = defaultdict(list)
    for packet in deaf.received.split("\x1e"):
        if packet.startswith("42"):
            event_name, payload = json.loads(packet[2:])
            events[event_name].append(payload)
    return events


async def fill(author: Client, room: str, done: Callable[[], bool]) -> int:
    """Messages until something is so, and how many."""
    count = 0
    while not done():
        assert (await author.call("message", {"conversationId": room, "content": CONTENT}))["ok"]
        count += 1
    return count


async def test_of_those_that_read_nothing_the_one_with_most_is_resynced_and_misses_nothing(world, deaf):
    users = ["heavy", "light", "bob"]
    rooms = [await world.conversation(users), await world.conversation(users)]
    alice, bob = await world.client("alice"), await world.client("bob")
    heavy, light = await deaf("heavy"), await deaf("light")
    for room, socket in zip(rooms, (heavy, light), strict=True):
        await say(socket, event("join", conversationId=room, after=0))
        assert (await bob.join(room, after=0))["ok"]
    sessions = {session.uid: session for session in world.containers[0].sessions.all()}
    await until(lambda: sessions["light"].rooms and sessions["heavy"].rooms)

    sent = [await fill(alice, rooms[0], lambda: world.unsent_bytes() > BACKLOG * 2 / 3)]
    sent.append(await fill(alice, rooms[1], lambda: not sessions["heavy"].rooms))
    assert world.unsent_bytes() < BACKLOG + 2 * len(CONTENT)
    await alice.call("message", {"conversationId": rooms[0], "content": "missed"})

    got = await heard(heavy, "resync")
    seqs = [message["seq"] for message in got["message"]]
    assert seqs == list(range(1, len(seqs) + 1))
    assert got["resync"] == [{"conversationId": rooms[0], "after": len(seqs)}]
    answer = await bob.join(rooms[0], after=len(seqs))
    assert [entry["seq"] for entry in answer["entries"]] == list(range(len(seqs) + 1, sent[0] + 2))
    await world.rest_finalize(rooms[1])
    got = await heard(light, "finalized")
    assert [message["seq"] for message in got["message"]] == list(range(1, sent[1] + 1))
    assert "resync" not in got
    await bob.until(lambda c: len(c.seqs()) == sum(sent) + 2)
    assert not bob.of("resync")
    await until(lambda: not world.backlog())


async def test_acknowledgements_wait_too_until_those_that_take_none_are_closed(world, deaf, monkeypatch):
    room = await world.conversation()
    for _ in range(PAGE_BYTES // len(CONTENT)):
        await world.rest_message(room, CONTENT)
    alice, sockets = await world.client("alice"), [await deaf("alice") for _ in range(6)]
    joins = [event("join", number, conversationId=room, after=0) for number in range(20)]
    asking = [asyncio.create_task(say(socket, *joins)) for socket in sockets]
    await until(lambda: world.backlog() > BACKLOG)
    for _ in range(4):
        await world.settled()
        assert (await alice.call("leave", {"conversationId": room}))["ok"]
        assert world.unsent_bytes() < BACKLOG + len(sockets) * PAGE_BYTES
    monkeypatch.setattr(socket_module, "STALLED_S", 0.3)
    await until(lambda: world.sockets() == 1)
    await asyncio.gather(*asking, return_exceptions=True)
    assert (world.unsent_bytes(), world.backlog()) == (0, 0)


async def test_one_that_is_resynced_and_takes_nothing_is_closed(world, deaf, monkeypatch):
    monkeypatch.setattr(registry, "STALLED_S", 0.3)
    room = await world.conversation(["deaf"])
    for _ in range(3):
        await say(await deaf("deaf"), event("join", conversationId=room, after=0))
    await until(lambda: sum(bool(session.rooms) for session in world.containers[0].sessions.all()) == 3)
    async with asyncio.timeout(15):
        while world.sockets() == 3:
            await world.rest_message(room, CONTENT)
    assert world.unsent_bytes() < BACKLOG + 10 * len(CONTENT)
    for socket in world.containers[0].server.sessions:
        socket.abort()
    assert world.backlog() == 0
