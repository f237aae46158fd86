"""Races in the life of a socket: expiry, drain, defects, upgrades and closed connections at a bad moment."""

import asyncio
import socket
import struct
import time
from urllib.parse import urlsplit

import pytest

from confab.realtime import transport
from tests.support.poller import Poller, connect, event

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: confab\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


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
        handshake = asyncio.create_task(poller.post(connect()))
        await asyncio.sleep(0.2)
        assert world.pending(0) == 1
        await poller.post("1")
        await asyncio.gather(handshake, return_exceptions=True)
    assert (world.pending(0), world.sockets()) == (0, 0)


async def test_a_defect_refuses_the_handshake(world):
    room = await world.conversation()
    with world.broken_store():
        client = await world.refused({"token": "alice", "conversationId": room})
    assert client.refusal["data"]["code"] == "internal"
    assert world.sockets() == 0


async def test_a_poller_that_closes_with_its_handshake_leaves_nothing(world, http):
    for _ in range(5):
        poller = Poller(http, world.urls[0])
        await poller.open()
        await poller.post("1", connect())
    assert world.pending(0) == 0
    assert world.sockets() == 0


async def test_many_packets_in_one_poll_are_all_handled(world, poller):
    room = await world.conversation()
    events = [event("message", n, conversationId=room, content=str(n)) for n in range(40)]
    assert await poller.post(*events) == 200
    await poller.poll_until('4339[{"ok":true')
    assert poller.received.count('"ok":true') == 40


async def test_a_poll_body_in_pieces_is_read_whole(world, poller):
    packet = event("message", conversationId=await world.conversation(), content="x" * 20_000).encode()

    async def pieces():
        yield packet[:9_000]
        await asyncio.sleep(0.2)
        yield packet[9_000:]

    assert await poller.send(pieces(), **{"Content-Length": str(len(packet))}) == 200
    await poller.poll_until('431[{"ok":true')


async def test_concurrent_polls_of_a_socket_are_handled_one_after_the_other(world, poller):
    rooms = [await world.conversation() for _ in range(6)]
    joins = (poller.post(event("join", n, conversationId=room)) for n, room in enumerate(rooms))
    await asyncio.gather(*joins)
    await poller.poll_until("rate_limited")
    assert world.rooms() == 2


async def test_a_handshake_during_the_drain_is_refused(world):
    world.begin_drain(0)
    client = await world.refused({"token": "alice"})
    assert client.refusal["data"]["code"] == "unavailable"


@pytest.mark.parametrize("slow", ["store", "keys"])
async def test_a_handshake_in_flight_when_the_drain_begins_is_refused(world, slow):
    room = await world.conversation()
    auth = {"token": "alice"} | ({"conversationId": room} if slow == "store" else {})
    with world.slow_store(0, 0.4) if slow == "store" else world.slow_keys(0.4):
        refused = asyncio.create_task(world.refused(auth))
        await asyncio.sleep(0.2)
        world.begin_drain(0)
        client = await refused
    assert client.refusal["data"]["code"] == "unavailable"
    assert (world.sockets(), world.rooms()) == (0, 0)


async def test_a_token_that_expires_during_the_handshake_is_refused(world):
    room = await world.conversation()
    world.expire_in(0.3)
    with world.slow_store(0, 0.6):
        client = await world.refused({"token": "alice", "conversationId": room})
    assert client.refusal["data"]["code"] == "token_expired"
    assert (world.sockets(), world.rooms()) == (0, 0)


async def test_a_renewal_after_the_expiry_is_refused(world, poller):
    world.expire_in(0.2)
    await poller.post(event("auth", 1, token="alice"))
    await asyncio.sleep(0.5)  # the socket is being closed, but has not polled
    world.expire_in(60)
    await poller.post(event("auth", 2, token="alice"))
    await poller.poll_until("432[")
    assert '431[{"ok":true' in poller.received
    assert '"code":"token_expired"' in poller.received


async def test_a_slow_reader_gets_all_its_acknowledgements(world):
    rooms = [await world.conversation(), await world.conversation()]
    for number in range(40):
        await world.rest_message(rooms[0], f"{number}" + "x" * 5_000)
    async with world.deaf_socket("alice", 0, rooms[1]) as slow:
        for number in range(20):
            await slow.say(event("join", number, conversationId=rooms[0]))
        await asyncio.sleep(0.5)
        assert world.unsent_bytes() < 3 * world.slow_reader_bytes
        await slow.read_acks(20)


async def test_a_socket_that_reads_no_acknowledgement_at_all_is_closed(world, monkeypatch):
    monkeypatch.setattr(transport, "STALLED_S", 0.3)
    room = await world.conversation()
    for number in range(40):
        await world.rest_message(room, f"{number}" + "x" * 5_000)
    async with world.deaf_socket("alice", 0, room) as deaf:
        for number in range(200):  # pages: the kernel buffers some megabytes
            await deaf.say(event("join", number, conversationId=room))
        async with asyncio.timeout(8):
            while world.sockets():
                await asyncio.sleep(0.05)


async def test_a_connection_that_is_reset_before_its_upgrade_is_answered_leaves_nothing(world, caplog):
    address = urlsplit(world.urls[0])
    for _ in range(5):
        with socket.create_connection((address.hostname, address.port)) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset at close
            wire.sendall(UPGRADE)
    time.sleep(0.1)  # noqa: ASYNC251 - the instance runs in this loop: the resets arrive before it looks
    await world.settled()
    assert world.connections(0) == 0
    assert "Traceback" not in caplog.text


async def test_an_upgrade_while_entries_arrive_has_no_gap_and_no_duplicate(world):
    room = await world.conversation()
    writing = asyncio.gather(*(world.rest_message(room, str(n)) for n in range(60)))
    alice = await world.client("alice", 0, room, transports=("polling", "websocket"))
    await writing
    seen = alice.of("joined")[0]["conversation"]["seq"]
    await alice.until(lambda c: seen + len(c.seqs()) >= 60)
    assert alice.seqs() == list(range(seen + 1, 61))
    assert alice.sio.transport() == "websocket"


async def test_messages_of_a_socket_overlap_in_order_and_other_events_wait_for_them(world):
    room = await world.conversation()
    alice = await world.client("alice", 0, room)
    answers = await asyncio.gather(
        *(alice.call("message", {"conversationId": room, "content": str(n)}) for n in range(100)),
        alice.call("leave", {"conversationId": room}),
    )
    assert [answer["message"]["seq"] for answer in answers[:-1]] == list(range(1, 101))
    assert alice.seqs() == list(range(1, 101))  # it left after its last message
