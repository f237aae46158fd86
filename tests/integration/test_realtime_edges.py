"""Sockets at the edges of the protocol: what a stock client does not do, or does at a bad moment."""

import asyncio
import json
import socket
import struct
import time
from urllib.parse import urlsplit

import aiohttp
import pytest

from confab.realtime import transport
from tests.support.poller import Poller

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: confab\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_socket_that_ends_while_it_joins_leaves_nothing(world):
    room = await world.conversation()
    alice = await world.client("alice", 0)
    world.expire_in(0.2)
    await alice.call("auth", {"token": "alice"})
    with world.slow_store(0, 0.8):
        await alice.sio.emit("join", {"conversationId": room})
        await asyncio.wait_for(alice.closed.wait(), 3)
        await asyncio.sleep(0.8)
    assert (world.sockets(), world.rooms()) == (0, 0)


async def test_a_socket_that_ends_while_its_token_is_verified_leaves_nothing(world, http):
    poller = Poller(http, world.urls[0])
    await poller.open()
    with world.slow_keys(0.5):
        handshake = asyncio.create_task(poller.post("40" + json.dumps({"token": "alice"})))
        await asyncio.sleep(0.2)
        assert world.pending(0) == 1
        await poller.post("1")
        await asyncio.gather(handshake, return_exceptions=True)
    assert (world.pending(0), world.sockets()) == (0, 0)


async def test_a_handshake_that_meets_a_defect_is_answered(world):
    room = await world.conversation()
    with world.broken_store(0):
        client = await world.refused({"token": "alice", "conversationId": room})
    assert client.refusal["data"]["code"] == "internal"
    assert world.sockets() == 0


async def test_who_closes_before_connecting_is_forgotten(world, http):
    for _ in range(5):
        poller = Poller(http, world.urls[0])
        await poller.open()
        await poller.post("1", "40" + json.dumps({"token": "alice"}))
    assert world.pending(0) == 0
    assert world.sockets() == 0


async def test_many_packets_in_one_poll_are_all_carried_out(world, http):
    room = await world.conversation()
    poller = await Poller(http, world.urls[0]).admitted("alice")
    packets = [
        f'42{n}["message",{json.dumps({"conversationId": room, "content": str(n)})}]' for n in range(40)
    ]
    assert await poller.post(*packets) == 200
    await poller.poll_until('4339[{"ok":true')
    assert poller.received.count('"ok":true') == 40


async def test_a_poll_body_in_pieces_is_read_whole(world, http):
    room = await world.conversation()
    poller = await Poller(http, world.urls[0]).admitted("alice")
    packet = f'421["message",{json.dumps({"conversationId": room, "content": "x" * 20_000})}]'.encode()

    async def pieces():
        yield packet[:9_000]
        await asyncio.sleep(0.2)
        yield packet[9_000:]

    headers = {"Content-Length": str(len(packet))}
    async with http.post(poller.url, data=pieces(), headers=headers) as answer:
        assert answer.status == 200
    await poller.poll_until('431[{"ok":true')


async def test_requests_of_one_socket_take_turns(world, http):
    rooms = [await world.conversation() for _ in range(6)]
    poller = await Poller(http, world.urls[0]).admitted("alice")
    joins = [f'42{n}["join",{json.dumps({"conversationId": room})}]' for n, room in enumerate(rooms)]
    await asyncio.gather(*(poller.post(join) for join in joins))
    await poller.poll_until("rate_limited")
    assert world.rooms() == 2


async def test_leaving_the_namespace_ends_the_connection(world, http):
    url = f"{world.urls[0]}/socket.io/?EIO=4&transport=websocket"
    async with http.ws_connect(url) as wire:
        await wire.send_str("40" + json.dumps({"token": "alice"}))
        while not (await wire.receive_str()).startswith("40"):
            pass
        assert world.sockets() == 1
        await wire.send_str("41")
        async with asyncio.timeout(3):
            while (await wire.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
    assert world.sockets() == 0


async def test_a_poller_that_never_asks_to_be_let_in_is_closed(world, http, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_S", 0.2)
    poller = Poller(http, world.urls[0])
    await poller.open()
    await asyncio.sleep(0.4)
    assert await poller.post("40" + json.dumps({"token": "alice"})) == 400


async def test_nobody_is_let_in_while_the_container_drains(world):
    world.begin_drain(0)
    client = await world.refused({"token": "alice"})
    assert client.refusal["data"]["code"] == "unavailable"


@pytest.mark.parametrize("slow", ["store", "keys"])
async def test_nobody_is_let_in_who_asked_before_the_drain_began(world, slow):
    room = await world.conversation()
    auth = {"token": "alice"} | ({"conversationId": room} if slow == "store" else {})
    with world.slow_store(0, 0.4) if slow == "store" else world.slow_keys(0.4):
        refused = asyncio.create_task(world.refused(auth))
        await asyncio.sleep(0.2)
        world.begin_drain(0)
        client = await refused
    assert client.refusal["data"]["code"] == "unavailable"
    assert (world.sockets(), world.rooms()) == (0, 0)


async def test_a_token_that_runs_out_during_the_handshake_lets_nobody_in(world):
    room = await world.conversation()
    world.expire_in(0.3)
    with world.slow_store(0, 0.6):
        client = await world.refused({"token": "alice", "conversationId": room})
    assert client.refusal["data"]["code"] == "token_expired"
    assert (world.sockets(), world.rooms()) == (0, 0)


async def test_a_renewal_that_comes_too_late_is_refused(world, http):
    poller = await Poller(http, world.urls[0]).admitted("alice")
    world.expire_in(0.2)
    await poller.post('421["auth",{"token":"alice"}]')
    await asyncio.sleep(0.5)  # the socket takes its leave, but has not polled for it
    world.expire_in(60)
    await poller.post('422["auth",{"token":"alice"}]')
    await poller.poll_until("432[")
    assert '431[{"ok":true' in poller.received
    assert '"code":"token_expired"' in poller.received


async def test_a_slow_link_gets_all_its_answers(world):
    rooms = [await world.conversation(), await world.conversation()]
    for number in range(40):
        await world.rest_message(rooms[0], f"{number}" + "x" * 5_000)
    async with world.deaf_socket("alice", 0, rooms[1]) as slow:
        for number in range(20):
            await slow.say(f'42{number}["join",{json.dumps({"conversationId": rooms[0]})}]')
        await asyncio.sleep(0.5)
        assert world.unsent_bytes() < 3 * world.slow_reader_bytes
        await slow.read_acks(20)


async def test_who_takes_no_answer_at_all_is_closed(world, monkeypatch):
    monkeypatch.setattr(transport, "STALLED_S", 0.3)
    room = await world.conversation()
    for number in range(40):
        await world.rest_message(room, f"{number}" + "x" * 5_000)
    async with world.deaf_socket("alice", 0, room) as deaf:
        for number in range(200):  # of pages: the kernel takes some megabytes of them
            await deaf.say(f'42{number}["join",{json.dumps({"conversationId": room})}]')
        async with asyncio.timeout(8):
            while world.sockets():
                await asyncio.sleep(0.05)


async def test_who_is_gone_before_the_upgrade_is_answered_leaves_nothing(world, caplog):
    address = urlsplit(world.urls[0])
    for _ in range(5):
        with socket.create_connection((address.hostname, address.port)) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset at close
            wire.sendall(UPGRADE)
    time.sleep(0.1)  # noqa: ASYNC251 - the instance is in this loop: it is to find them gone
    await world.settled()
    assert world.connections(0) == 0
    assert "Traceback" not in caplog.text


async def test_an_upgrade_amid_entries_loses_and_repeats_none(world):
    room = await world.conversation()
    writing = asyncio.gather(*(world.rest_message(room, str(n)) for n in range(60)))
    alice = await world.client("alice", 0, room, transports=("polling", "websocket"))
    await writing
    seen = alice.of("joined")[0]["conversation"]["seq"]
    await alice.until(lambda c: seen + len(c.seqs()) >= 60)
    assert alice.seqs() == list(range(seen + 1, 61))
    assert alice.sio.transport() == "websocket"


async def test_sends_overlap_but_what_follows_waits_for_them(world):
    room = await world.conversation()
    alice = await world.client("alice", 0, room)
    answers = await asyncio.gather(
        *(alice.call("message", {"conversationId": room, "content": str(n)}) for n in range(100)),
        alice.call("leave", {"conversationId": room}),
    )
    assert [answer["message"]["seq"] for answer in answers[:-1]] == list(range(1, 101))
    assert alice.seqs() == list(range(1, 101))  # it left behind its last message
