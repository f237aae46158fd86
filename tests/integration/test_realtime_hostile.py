"""Sockets that would hold up, fill or confuse an instance."""

import asyncio
import json

import aiohttp
import pytest

from confab.realtime import engine, transport
from tests.support.poller import Poller


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def poller(world, http):
    return await Poller(http, world.urls[0]).admitted("alice")


async def said(wire: aiohttp.ClientWebSocketResponse) -> list[str]:
    """What a WebSocket still brings until it is closed."""
    texts = []
    async with asyncio.timeout(4):
        while (message := await wire.receive()).type is aiohttp.WSMsgType.TEXT:
            texts.append(message.data)
    return texts


async def in_time(condition) -> None:
    async with asyncio.timeout(4):
        while not condition():
            await asyncio.sleep(0.01)


def event(name: str, payload: object, number: int = 1) -> str:
    return f"42{number}{json.dumps([name, payload])}"


async def test_an_upgrade_that_says_nothing_holds_nothing_back(world, http):
    room = await world.conversation()
    poller = await Poller(http, world.urls[0]).admitted("alice", conversationId=room)
    async with http.ws_connect(poller.upgrade_url):
        await asyncio.sleep(0.1)
        await world.rest_message(room, "over polling")
        await poller.poll_until("over polling")


@pytest.mark.parametrize("probe", [[], ["2probe"]])
async def test_an_upgrade_that_stops_is_closed_and_polling_goes_on(world, http, monkeypatch, probe):
    monkeypatch.setattr(engine, "UPGRADE_S", 0.3)
    room = await world.conversation()
    poller = await Poller(http, world.urls[0]).admitted("alice")
    async with http.ws_connect(poller.upgrade_url) as wire:
        for packet in probe:
            await wire.send_str(packet)
        assert await said(wire) == ["3probe"][: len(probe)]
    await poller.post(event("join", {"conversationId": room}))
    await poller.poll_until('"ok":true')


async def test_a_silent_upgrade_ends_with_its_socket(world, http, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_S", 0.3)
    poller = Poller(http, world.urls[0])
    await poller.open()
    async with http.ws_connect(poller.upgrade_url) as wire:
        assert await said(wire) == []
    assert world.connections(0) == 0


async def test_one_upgrade_of_a_socket_is_heard_and_no_other(world, http, poller):
    async with http.ws_connect(poller.upgrade_url) as first, http.ws_connect(poller.upgrade_url) as second:
        await second.send_str("2probe")
        assert await said(second) == []
        await first.send_str("2probe")
        assert await first.receive_str() == "3probe"
        await first.send_str("5")
        await first.send_str(event("no such event", {}))
        assert await first.receive_str() == "6"  # for the poll that may have been waiting
        assert (await first.receive_str()).startswith("431[")


@pytest.mark.parametrize(("packets", "status"), [(1_000, 200), (1_001, 400)])
async def test_a_request_brings_so_many_packets_and_no_more(world, poller, packets, status):
    assert await poller.post(*["3"] * packets) == status
    assert world.sockets() == (status == 200)


async def test_what_cannot_be_read_is_told_once(world, poller, caplog):
    caplog.set_level("INFO", "confab")
    assert await poller.post(*["4x"] * 20) == 200
    assert await poller.post("4x") == 200
    assert caplog.messages.count("a packet could not be read") == 1


async def test_requests_that_pile_up_end_the_socket(world, poller):
    room = await world.conversation()
    with world.slow_store(0, 0.5):
        join = event("join", {"conversationId": room})
        statuses = await asyncio.gather(*(poller.post(join) for _ in range(9)))
    assert statuses.count(400) == 1
    await in_time(lambda: (world.sockets(), world.rooms()) == (0, 0))


async def test_a_packet_whose_socket_ends_while_it_waits_leaves_nothing(world, poller):
    room = await world.conversation()
    with world.slow_store(0, 0.3):
        joining = asyncio.create_task(poller.post(event("join", {"conversationId": room})))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(poller.post("40" + json.dumps({"token": "alice"})))
        await asyncio.sleep(0.1)
        await poller.post("1")
        await asyncio.gather(joining, waiting)
    assert (world.pending(0), world.sockets(), world.rooms()) == (0, 0, 0)


async def test_a_request_for_a_socket_that_has_just_ended_is_answered(world, poller, caplog):
    assert await poller.post("1") == 200
    assert await poller.post("3") == 200
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("packet", ["0", "2", "6", "7", "9"])
async def test_what_no_client_says_ends_a_websocket_politely(world, http, caplog, packet):
    async with http.ws_connect(f"{world.urls[0]}/socket.io/?EIO=4&transport=websocket") as wire:
        await wire.send_str("40" + json.dumps({"token": "alice"}))
        await wire.receive_str()
        await wire.send_str(packet)
        assert (await said(wire))[-1] == "1"
    await in_time(lambda: (world.sockets(), world.connections(0)) == (0, 0))
    assert "Traceback" not in caplog.text


async def test_what_no_client_says_ends_a_poller_politely(world, poller, caplog):
    assert await poller.post("9") == 200
    await poller.poll_until("1")
    assert world.sockets() == 0
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("body", ["x", "", "4\x1e\x1e4", "ba", "d="])
async def test_a_body_that_is_no_packets_is_refused(world, poller, caplog, body):
    assert await poller.post(body) == 400
    assert "Traceback" not in caplog.text


async def test_who_is_refused_late_is_closed_too(world, http, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_S", 0.2)
    async with http.ws_connect(f"{world.urls[0]}/socket.io/?EIO=4&transport=websocket") as wire:
        with world.slow_store(0, 0.5):
            await wire.send_str("40" + json.dumps({"token": "alice", "conversationId": "absent"}))
            texts = await said(wire)
    assert texts[-1].startswith("44")
    assert "not_found" in texts[-1]
