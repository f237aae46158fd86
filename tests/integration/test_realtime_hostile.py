"""Upgrades and packets that would block, fill or confuse an instance."""

import asyncio

import pytest

from confab.realtime import engine, transport
from tests.support.poller import Poller, connect, event, read_to_end
from tests.support.waiting import until


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
    monkeypatch.setattr(engine, "UPGRADE_S", 0.3)
    room = await world.conversation()
    async with http.ws_connect(poller.upgrade_url) as wire:
        for packet in probe:
            await wire.send_str(packet)
        assert await read_to_end(wire) == ["3probe"][: len(probe)]
    await poller.post(event("join", conversationId=room))
    await poller.poll_until('"ok":true')


async def test_a_socket_has_one_upgrade_at_a_time(world, http, poller):
    async with http.ws_connect(poller.upgrade_url) as first, http.ws_connect(poller.upgrade_url) as second:
        await second.send_str("2probe")
        assert await read_to_end(second) == []
        await first.send_str("2probe")
        assert await first.receive_str() == "3probe"
        await first.send_str("5")
        await first.send_str(event("no such event"))
        assert await first.receive_str() == "6"  # for a poll in flight
        assert (await first.receive_str()).startswith("431[")


@pytest.mark.parametrize(("packets", "status"), [(1_000, 200), (1_001, 400)])
async def test_the_packets_of_a_request_are_limited(world, poller, packets, status):
    assert await poller.post(*["3"] * packets) == status
    assert world.sockets() == (status == 200)


async def test_packets_that_cannot_be_parsed_are_logged_once(world, poller, caplog):
    caplog.set_level("INFO", "confab")
    assert await poller.post(*["4x"] * 20) == 200
    assert await poller.post("4x") == 200
    assert caplog.messages.count("a packet could not be read") == 1


async def test_too_many_concurrent_polls_end_the_socket(world, poller):
    room = await world.conversation()
    with world.slow_store(0, 0.5):
        join = event("join", conversationId=room)
        statuses = await asyncio.gather(*(poller.post(join) for _ in range(9)))
    assert statuses.count(400) == 1
    await until(lambda: (world.sockets(), world.rooms()) == (0, 0), within=4)


async def test_a_queued_packet_whose_socket_ends_leaves_nothing(world, poller):
    room = await world.conversation()
    with world.slow_store(0, 0.3):
        joining = asyncio.create_task(poller.post(event("join", conversationId=room)))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(poller.post(connect()))
        await asyncio.sleep(0.1)
        await poller.post("1")
        await asyncio.gather(joining, waiting)
    assert (world.pending(0), world.sockets(), world.rooms()) == (0, 0, 0)


async def test_a_poll_of_a_socket_that_has_just_ended_is_answered(world, poller, caplog):
    assert await poller.post("1") == 200
    assert await poller.post("3") == 200
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("packet", ["0", "2", "6", "7", "9"])
async def test_a_packet_that_no_client_sends_closes_a_websocket(world, http, caplog, packet):
    async with http.ws_connect(f"{world.urls[0]}/socket.io/?EIO=4&transport=websocket") as wire:
        await wire.send_str(connect())
        await wire.receive_str()
        await wire.send_str(packet)
        assert (await read_to_end(wire))[-1] == "1"
    await until(lambda: (world.sockets(), world.connections(0)) == (0, 0), within=4)
    assert "Traceback" not in caplog.text


async def test_a_packet_that_no_client_sends_closes_a_poller(world, poller, caplog):
    assert await poller.post("9") == 200
    await poller.poll_until("1")
    assert world.sockets() == 0
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("body", ["x", "", "4\x1e\x1e4", "ba", "d="])
async def test_a_poll_body_without_packets_is_refused(world, poller, caplog, body):
    assert await poller.post(body) == 400
    assert "Traceback" not in caplog.text


async def test_a_socket_that_is_refused_late_is_closed(world, http, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_S", 0.2)
    async with http.ws_connect(f"{world.urls[0]}/socket.io/?EIO=4&transport=websocket") as wire:
        with world.slow_store(0, 0.5):
            await wire.send_str(connect(conversationId="absent"))
            texts = await read_to_end(wire)
    assert texts[-1].startswith("44")
    assert "not_found" in texts[-1]
