"""The parts of the transport: its sockets without a connection, their frames, an event for many of them."""

import asyncio
import json
from typing import Any
from unittest.mock import Mock

import pytest
from engineio.packet import MESSAGE, PONG, Packet
from socketio.packet import Packet as EventPacket
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from confab.domain.events import TypingState
from confab.realtime import packets
from confab.realtime.engine import PACKETS_A_TURN, Engine, Socket
from confab.realtime.transport import Sent, Transport
from confab.realtime.wire import Outbox, Wire, text_frame
from tests.support.samples import finalized, message


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


class Polling:
    """A socket that polls: it accepts each packet, unless it is slow."""

    wire = None

    def __init__(self, *, closed=False, slow=False):
        self.closed, self.slow = closed, slow
        self.taken = []

    def offer(self, packet, _limit):
        if not self.slow:
            self.taken.append(json.loads(packet.data.removeprefix("2")))
        return not self.slow


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("message", message(3)),
        ("finalized", finalized(3)),
        ("typing", TypingState(conversation_id="c1", user_id="alice", typing=True)),
    ],
)
def test_closed_and_slow_sockets_are_no_deliveries(event, data):
    transport = Transport(max_packet_bytes=1_000, max_unsent_bytes=1_000, allowed_origins=[])
    sockets: dict[str, Any] = {"open": Polling(), "closed": Polling(closed=True), "slow": Polling(slow=True)}
    transport._sockets = sockets
    assert transport.send_event(["closed", "open", "gone", "slow"], event, data) == Sent(1, ["slow"])
    assert sockets["open"].taken == [[event, data.wire()]]


def connected() -> Mock:
    """A connection whose kernel takes all bytes."""
    connection = Mock(spec=asyncio.Transport)
    connection.is_closing.return_value = False
    connection.get_write_buffer_size.return_value = 0
    return connection


def written(connection: Mock) -> list[bytes]:
    """What was written to a connection, each time."""
    return [call.args[0] for call in connection.write.call_args_list]


@pytest.fixture
def connection() -> Mock:
    return connected()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def wire(connection: Mock, outbox: Outbox) -> Wire:
    return Wire(connection, outbox)


def read(frame: bytes) -> Frame:
    """The frame as another implementation reads it; nothing may be left over."""
    reader = StreamReader()
    reader.feed_data(frame)
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    reader.feed_eof()
    assert not reader.buffer
    result: Frame = parsed.value.value
    return result


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000])
def test_a_frame_of_any_size_is_read_back(size):
    payload = b"x" * size
    frame = read(text_frame(payload))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, payload)


async def test_frames_of_one_turn_leave_in_one_write_and_in_order(connection, wire):
    wire.write(b"one,")
    wire.write(b"two,")
    assert written(connection) == []
    await asyncio.sleep(0)
    wire.write(b"three")
    await asyncio.sleep(0)
    assert written(connection) == [b"one,two,", b"three"]
    wire.write(b"and what ")
    asyncio.get_running_loop().call_soon(wire.write, b"is ready to run")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert b"".join(written(connection)[2:]) == b"and what is ready to run"


async def test_a_connection_that_fails_or_closes_is_written_to_no_more_and_silences_no_other(outbox, caplog):
    connections = [connected() for _ in range(4)]
    wires = [Wire(connection, outbox) for connection in connections]
    connections[1].write.side_effect = RuntimeError("a defect")
    connections[2].is_closing.return_value = True
    for text in (b"one", b"two"):
        for wire in wires:
            wire.write(text)
        await asyncio.sleep(0)
    assert written(connections[0]) == written(connections[3]) == [b"one", b"two"]
    assert written(connections[2]) == []
    assert [c.abort.called for c in connections] == [False, True, False, False]
    assert "a defect" in caplog.text


async def test_a_wire_takes_up_to_its_limit_of_pending_bytes_and_those_the_kernel_has_not_taken(
    connection, wire
):
    for _ in range(100):
        assert wire.offer(b"0123456789", 10)
        assert (wire.unsent, wire.offer(b"x", 10)) == (10, False)
        await asyncio.sleep(0)
    assert wire.unsent == 0
    connection.get_write_buffer_size.return_value = 10
    assert not wire.offer(b"x", 10)
    assert wire.offer(b"x", 11)
    assert wire.unsent == 11
    await asyncio.sleep(0)
    connection.get_write_buffer_size.return_value = 0
    assert wire.offer(b"0123456789", 10)
    await asyncio.sleep(0)
    assert written(connection) == [b"0123456789"] * 100 + [b"x", b"0123456789"]
