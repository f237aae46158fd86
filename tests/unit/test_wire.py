"""The frames of one turn of the event loop leave in one write."""

import asyncio
from unittest.mock import Mock

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from confab.realtime.wire import Outbox, Wire, text_frame


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
