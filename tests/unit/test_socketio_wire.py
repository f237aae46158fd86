"""The fast path of delivery: frames, wires, and an event for many sockets."""

import asyncio
import json
from typing import Any
from unittest.mock import Mock

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from confab.domain.events import TypingState
from confab.realtime.socketio.api import Sent, Settings
from confab.realtime.socketio.server import Server
from confab.realtime.socketio.wire import BINARY, PONG, TEXT, Wire, Writer, framed
from tests.support.samples import finalized, message


class Polling:
    """A socket that polls: it accepts each packet, unless it is slow."""

    wire = None

    def __init__(self, *, slow=False):
        self.outlet = self
        self.slow = slow
        self.taken = []

    def offer(self, packet, _limit):
        if not self.slow:
            self.taken.append(json.loads(packet.removeprefix(b"42")))
        return not self.slow


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("message", message(3)),
        ("finalized", finalized(3)),
        ("typing", TypingState(conversation_id="c1", user_id="alice", typing=True)),
    ],
)
def test_missing_and_slow_sockets_are_no_deliveries(event, data):
    server = Server(Settings((), 1_000, 1_000, 1_000))
    sockets: dict[str, Any] = {"open": Polling(), "slow": Polling(slow=True)}
    server.registry.admitted.update(sockets)
    assert server.send_event(["open", "gone", "slow"], event, data) == Sent(1, ["slow"])
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
def overfull() -> list[int]:
    """The backlog each time that it was too large."""
    return []


@pytest.fixture
def writer(overfull: list[int]) -> Writer:
    return Writer(100, lambda: overfull.append(1))


@pytest.fixture
def wire(connection: Mock, writer: Writer) -> Wire:
    return Wire(connection, writer, "s1")


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


@pytest.mark.parametrize(
    ("opcode", "size"),
    [(TEXT, 0), (TEXT, 1), (PONG, 125), (TEXT, 126), (BINARY, 127)]
    + [(TEXT, size) for size in (65_535, 65_536, 1_000_000)],
)
def test_a_frame_of_any_size_is_read_back(opcode, size):
    payload = b"x" * size
    frame = read(framed(payload, opcode))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode(opcode & 0xF), True, payload)


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


async def test_a_connection_that_fails_or_closes_is_written_to_no_more_and_silences_no_other(writer, caplog):
    connections = [connected() for _ in range(4)]
    wires = [Wire(connection, writer, "s1") for connection in connections]
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


async def test_what_the_kernel_does_not_take_counts_until_it_does_or_the_socket_ends(
    connection, writer, overfull
):
    wires = [Wire(connection, writer, sid) for sid in ("s1", "s2")]
    connection.get_write_buffer_size.return_value = 60
    for wire in wires:
        wire.write(b"x")
    await asyncio.sleep(0)
    assert (writer.backlog.total, [*writer.backlog.heaviest()], len(overfull)) == (120, ["s1", "s2"], 1)
    wires[0].end()
    wires[0].write(b"a closing word")
    await asyncio.sleep(0)
    assert (writer.backlog.total, len(overfull)) == (60, 1)
    connection.get_write_buffer_size.return_value = 0
    wires[1].note()
    assert (writer.backlog.total, [*writer.backlog.heaviest()]) == (0, [])
