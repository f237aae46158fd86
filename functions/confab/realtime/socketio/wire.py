"""The fast path: a frame is built once for many WebSockets, and each writes once a tick.

A server's frames carry no mask (RFC 6455, section 5.1), so one frame serves every socket of a room, and
it is written straight to the connection's transport.
"""

import asyncio
import logging
import struct
from collections.abc import Callable

from confab.realtime.socketio.limits import Backlog

log = logging.getLogger(__name__)

TEXT, BINARY, PONG = 0x81, 0x82, 0x8A
"""The first byte of a whole frame: FIN, and the opcode."""
SMALL = 125
MEDIUM = 0xFFFF


def framed(payload: bytes, opcode: int = TEXT) -> bytes:
    """The frame around UTF-8 text, or other data, of any length (RFC 6455, section 5.2)."""
    size = len(payload)
    if size <= SMALL:
        return bytes((opcode, size)) + payload
    if size <= MEDIUM:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload


class Writer:
    """Lets the wires that have something to write do so at the end of each turn of the event loop.

    What the kernel does not take counts for the backlog; `overfull` is called when that exceeds its bound.
    """

    def __init__(self, most_unsent: int, overfull: Callable[[], None]) -> None:
        self.backlog = Backlog()
        self._most_unsent = most_unsent
        self._overfull = overfull
        self._wires: list[Wire] = []
        self._due = False

    def add(self, wire: "Wire") -> None:
        """Let the wire write once everything that is ready to run now has run."""
        self._wires.append(wire)
        self._flush_soon()

    def note(self, sid: str, unsent: int) -> None:
        """So many bytes wait for a socket without a wire, which count for the backlog as well."""
        self.backlog.note(sid, unsent)
        if self.backlog.total > self._most_unsent:
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        wires, self._wires, self._due = self._wires, [], False
        for wire in wires:
            try:
                wire.flush()
            except Exception:  # the other connections must be written to
                log.exception("a connection could not be written to; it is dropped")
                wire.abort()
        if self.backlog.total > self._most_unsent:
            self._overfull()


class Wire:
    """A WebSocket's connection, written to in order and without waiting."""

    __slots__ = ("_at_most", "_counts", "_noted", "_pending", "_sid", "_transport", "_writer", "written")

    def __init__(self, transport: asyncio.Transport, writer: Writer, sid: str) -> None:
        self._transport = transport
        self._sid = sid
        self._writer = writer
        self._pending: bytes | bytearray | None = None  # one frame, or several
        self._at_most = 0  # what may be unsent; the exact number costs more than most writes need
        self._counts = True
        self._noted = False  # whether the backlog counts something of this wire
        self.written = 0
        """The bytes that were handed to the connection."""

    def write(self, frame: bytes) -> None:
        """Send a frame after all earlier ones, at the end of this turn of the event loop."""
        pending = self._pending
        if pending is None:
            self._pending = frame
            self._writer.add(self)
        elif isinstance(pending, bytearray):
            pending += frame
        else:
            self._pending = bytearray(pending) + frame
        self._at_most += len(frame)

    def offer(self, frame: bytes, limit: int) -> bool:
        """Send a frame as `write` does, unless more than `limit` bytes would be unsent; whether it is."""
        if self._at_most + len(frame) > limit:
            self._at_most = self.unsent
            if self._at_most + len(frame) > limit:
                return False
        self.write(frame)
        return True

    @property
    def unsent(self) -> int:
        """The bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() + len(self._pending or b"")

    def flush(self) -> None:
        """Write what is pending, in one go."""
        pending, self._pending = self._pending, None
        if pending is not None and not self._transport.is_closing():
            self._transport.write(pending)
            self.written += len(pending)
            self.note()

    def note(self) -> None:
        """Tell the backlog how much is unsent."""
        left = self.unsent
        if self._counts and (left or self._noted):
            self._writer.backlog.note(self._sid, left)
            self._noted = left > 0

    def end(self) -> None:
        """Count no more for the backlog: the socket has ended, and its connection is about to."""
        self._counts = False
        self._writer.backlog.note(self._sid, 0)

    def abort(self) -> None:
        """Drop the connection and what is unsent."""
        self._transport.abort()
