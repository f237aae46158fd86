"""The frames of one turn of the event loop leave in one write."""

import asyncio

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from confab.realtime.wire import Outbox, Wire, text_frame


class Connection(asyncio.Transport):
    """Records what is written to it; `waiting` bytes of it are unsent."""

    def __init__(self) -> None:
        super().__init__()
        self.defect: Exception | None = None
        self.aborted = False
        self.writes: list[bytes] = []
        self.waiting = 0
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.defect is not None:
            raise self.defect
        self.writes.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def wire(connection: Connection, outbox: Outbox) -> Wire:
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
def test_a_frame_of_any_size_is_read_back(size: int) -> None:
    payload = b"x" * size
    frame = read(text_frame(payload))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, payload)


async def test_frames_of_one_turn_leave_in_one_write_and_in_order(connection, wire):
    wire.write(b"one,")
    wire.write(b"two,")
    assert connection.writes == []
    await asyncio.sleep(0)
    wire.write(b"three")
    await asyncio.sleep(0)
    assert connection.writes == [b"one,two,", b"three"]
    wire.write(b"and what ")
    asyncio.get_running_loop().call_soon(wire.write, b"is ready to run")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert b"".join(connection.writes[2:]) == b"and what is ready to run"


async def test_a_connection_that_fails_or_closes_is_written_to_no_more_and_silences_no_other(outbox, caplog):
    connections = [Connection() for _ in range(4)]
    wires = [Wire(connection, outbox) for connection in connections]
    connections[1].defect = RuntimeError("a defect")
    connections[2].closing = True
    for text in (b"one", b"two"):
        for wire in wires:
            wire.write(text)
        await asyncio.sleep(0)
    assert [c.writes for c in connections] == [[b"one", b"two"], [], [], [b"one", b"two"]]
    assert [c.aborted for c in connections] == [False, True, False, False]
    assert "a defect" in caplog.text


async def test_a_wire_takes_up_to_its_limit_of_pending_bytes_and_those_the_kernel_has_not_taken(
    connection, wire
):
    for _ in range(100):
        assert wire.offer(b"0123456789", 10)
        assert (wire.unsent, wire.offer(b"x", 10)) == (10, False)
        await asyncio.sleep(0)
    assert wire.unsent == 0
    connection.waiting = 10
    assert not wire.offer(b"x", 10)
    assert wire.offer(b"x", 11)
    assert wire.unsent == 11
    await asyncio.sleep(0)
    connection.waiting = 0
    assert wire.offer(b"0123456789", 10)
    await asyncio.sleep(0)
    assert connection.writes == [b"0123456789"] * 100 + [b"x", b"0123456789"]
