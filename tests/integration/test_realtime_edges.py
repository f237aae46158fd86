"""A socket at a bad moment: expiry, drain, defects, upgrades, closed connections, and odd packets."""

import asyncio
import socket
import struct
import time
from urllib.parse import urlsplit

import pytest

from confab.realtime.socketio import socket as socket_module
from confab.realtime.socketio import websocket
from tests.support.poller import Poller, connect, event, read_to_end
from tests.support.waiting import until

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
        await asyncio.wait_for(alice.closed.wait(), 15)
        await until(lambda: (world.sockets(), world.rooms()) == (0, 0))
        await asyncio.sleep(0.8)  # the join has read its page, which makes no room
    assert (world.sockets(), world.rooms()) == (0, 0)


async def test_a_socket_that_ends_while_its_token_is_verified_leaves_nothing(world, http):
    poller = Poller(http, world.urls[0])
    await poller.open()
    with world.slow_keys(0.5):
        handshake = asyncio.create_task(poller.post(connect()))
        await until(lambda: world.pending(0) == 1)
        await poller.post("1")
        await asyncio.gather(handshake, return_exceptions=True)
    await until(lambda: (world.pending(0), world.sockets()) == (0, 0))


async def test_a_defect_refuses_the_handshake(world):
    room = await world.conversation()
    with world.broken_store():
        client = await world.refused({"token": "alice", "conversationId": room})
    assert client.refusal["data"]["code"] == "internal"
    assert world.sockets() == 0


async def test_concurrent_polls_of_a_socket_are_handled_one_after_the_other(world, poller):
    rooms = [await world.conversation() for _ in range(6)]
    joins = (poller.post(event("join", n, conversationId=room)) for n, room in enumerate(rooms))
    await asyncio.gather(*joins)
    await poller.poll_until("rate_limited")
    assert world.rooms() == 2


@pytest.mark.parametrize(
    ("meanwhile", "slow", "code"),
    [
        ("the drain begins", "store", "unavailable"),
        ("the drain begins", "keys", "unavailable"),
        ("the token expires", "store", "token_expired"),
    ],
)
async def test_a_handshake_during_which_its_admission_ends_is_refused(world, meanwhile, slow, code):
    auth = {"token": "alice"} | ({"conversationId": await world.conversation()} if slow == "store" else {})
    if meanwhile == "the token expires":
        world.expire_in(0.3)
    with world.slow_store(0, 0.4) if slow == "store" else world.slow_keys(0.4):
        handshake = asyncio.create_task(world.refused(auth))
        await asyncio.sleep(0.2)
        if meanwhile == "the drain begins":
            world.begin_drain(0)
        client = await handshake
    assert client.refusal["data"]["code"] == code
    await until(lambda: (world.sockets(), world.rooms()) == (0, 0))


async def test_a_slow_reader_gets_its_acknowledgements_and_is_closed_once_it_reads_none(world, monkeypatch):
    rooms = [await world.conversation(), await world.conversation()]
    for number in range(40):
        await world.rest_message(rooms[0], f"{number}" + "x" * 5_000)
    async with world.deaf_socket("alice", 0, rooms[1]) as slow:
        for number in range(20):
            await slow.say(event("join", number, conversationId=rooms[0]))
        await asyncio.sleep(0.5)
        assert world.unsent_bytes() < 3 * world.slow_reader_bytes
        await slow.read_acks(20)
        monkeypatch.setattr(socket_module, "STALLED_S", 0.3)
        for number in range(200):  # the kernel buffers some megabytes
            await slow.say(event("join", number, conversationId=rooms[0]))
        await until(lambda: world.sockets() == 0)


async def test_what_a_lost_connection_has_asked_for_is_not_carried_out(world):
    room = await world.conversation()
    with world.slow_store(0, 3.0):
        async with world.deaf_socket("alice", 0, room) as gone:
            for number in range(40):
                await gone.say(event("join", number, conversationId=room))
            await world.settled()
            gone.abort()
            await until(lambda: world.sockets() == 0, within=1)


async def test_a_connection_that_is_reset_before_its_upgrade_is_answered_leaves_nothing(world, caplog):
    address = urlsplit(world.urls[0])
    for _ in range(5):
        with socket.create_connection((address.hostname, address.port)) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset at close
            wire.sendall(UPGRADE)
    time.sleep(0.1)  # noqa: ASYNC251 - the instance runs in this loop: the resets arrive before it looks
    await world.settled()
    await until(lambda: world.connections(0) == 0)
    assert "Traceback" not in caplog.text


async def test_a_silent_upgrade_delays_no_entry(world, http):
    room = await world.conversation()
    poller = await Poller(http, world.urls[0]).admitted("alice", conversationId=room)
    async with http.ws_connect(poller.upgrade_url):
        await asyncio.sleep(0.1)
        await world.rest_message(room, "over polling")
        await poller.poll_until("over polling")


@pytest.mark.parametrize("probe", [[], ["2probe"]])
async def test_an_upgrade_that_stalls_is_closed_and_polling_continues(
    world, http, poller, monkeypatch, probe
):
    monkeypatch.setattr(websocket, "UPGRADE_S", 0.3)
    room = await world.conversation()
    async with http.ws_connect(poller.upgrade_url) as wire:
        for packet in probe:
            await wire.send_str(packet)
        assert await read_to_end(wire) == ["3probe"][: len(probe)]
    await poller.post(event("join", conversationId=room))
    await poller.poll_until('"ok":true')


async def test_a_packet_that_breaks_the_protocol_is_logged_once(world, poller, caplog):
    caplog.set_level("INFO", "confab")
    assert await poller.post(*["4x"] * 20) == 400
    assert caplog.messages.count("a packet broke the protocol") == 1


async def test_too_many_concurrent_polls_end_the_socket(world, poller):
    room = await world.conversation()
    with world.slow_store(0, 0.5):
        join = event("join", conversationId=room)
        statuses = await asyncio.gather(*(poller.post(join) for _ in range(9)))
    assert statuses.count(400) == 1
    await until(lambda: (world.sockets(), world.rooms()) == (0, 0))


async def test_a_queued_packet_whose_socket_ends_leaves_nothing(world, poller):
    room = await world.conversation()
    with world.slow_store(0, 0.3):
        joining = asyncio.create_task(poller.post(event("join", conversationId=room)))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(poller.post(connect()))
        await asyncio.sleep(0.1)
        await poller.post("1")
        await asyncio.gather(joining, waiting)
    await until(lambda: (world.pending(0), world.sockets(), world.rooms()) == (0, 0, 0))


@pytest.mark.parametrize(
    ("packets", "status", "lives"),
    [
        (["x"], 400, False),
        ([""], 400, False),
        (["4", "", "4"], 400, False),
        (["ba"], 400, False),
        (["d="], 400, False),
        (["9"], 400, False),
        (["44"], 400, False),
        (["42{}"], 400, False),
        (['42abc["typing",{}]'], 400, False),
        (["43{}"], 400, False),
        (["431[]"], 200, True),
        (["1"], 200, False),
        (["3"] * 150, 200, True),
        (["3"] * 1_001, 400, False),
    ],
    ids=lambda each: str(each)[:12],
)
async def test_a_request_ends_a_poller_by_what_no_client_sends(
    world, poller, caplog, packets, *, status, lives
):
    assert await poller.post(*packets) == status
    await until(lambda: world.sockets() == lives)
    await poller.post("3")  # a socket that has just ended
    assert "Traceback" not in caplog.text


async def test_a_socket_that_is_refused_late_is_closed(world, http):
    world.connect_within(0.2)
    async with http.ws_connect(f"{world.urls[0]}/socket.io/?EIO=4&transport=websocket") as wire:
        with world.slow_store(0, 0.5):
            await wire.send_str(connect(conversationId="absent"))
            texts = await read_to_end(wire)
    assert texts[-1].startswith("44")
    assert "not_found" in texts[-1]
