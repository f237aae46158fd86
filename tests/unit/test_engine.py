"""Engine.IO's sockets, without a connection."""

import asyncio

import pytest
from engineio.packet import MESSAGE, PONG, Packet
from socketio.packet import Packet as EventPacket

from confab.realtime import packets
from confab.realtime.engine import PACKETS_A_TURN, Engine, Socket


@pytest.mark.parametrize("sent", ['{"content":"a","content":"b"}', "{'content':1}", "NaN"])
def test_an_event_whose_json_could_be_misread_comes_without_data(monkeypatch, sent):
    monkeypatch.setattr(EventPacket, "json", packets.json)
    read = packets.decode(f'21["message",{sent}]')
    assert read is not None
    assert (read.id, read.data) == (1, None)


@pytest.mark.parametrize("kind", [PONG, MESSAGE])
async def test_a_busy_socket_yields_to_the_others(kind):
    engine = Engine(async_mode="aiohttp", max_packet_bytes=1_000)
    taken: list[str] = []
    turns = 0

    async def take(_: str, data: str) -> None:
        taken.append(data)

    async def say_it_all(socket: Socket) -> None:
        for number in range(PACKETS_A_TURN * 10):
            await socket.receive(Packet(kind, str(number)))

    engine.on("message", take)
    saying = asyncio.create_task(say_it_all(Socket(engine, "s")))
    while not saying.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 10
    assert taken == [str(number) for number in range(PACKETS_A_TURN * 10) if kind == MESSAGE]
