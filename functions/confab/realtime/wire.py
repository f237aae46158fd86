"""The fast path: a frame is built once for many WebSockets, and each writes once a tick.

Below the libraries' API: a server's frames carry no mask (RFC 6455, section 5.1), so one frame
serves every socket of a room, and it is written straight to the connection's transport.
"""

import asyncio
import logging
import struct

log = logging.getLogger(__name__)

TEXT = 0x81
"""The first byte of a whole text frame: FIN, and opcode 1."""
SMALL = 125
MEDIUM = 0xFFFF


def text_frame(payload: bytes) -> bytes:
    """The frame around UTF-8 text of any length (RFC 6455, section 5.2)."""
    size = len(payload)
    if size <= SMALL:
        return bytes((TEXT, size)) + payload
    if size <= MEDIUM:
        return struct.pack("!BBH", TEXT, 126, size) + payload
    return struct.pack("!BBQ", TEXT, 127, size) + payload


class Outbox:
    """The wires that have something to write in this turn of the event loop."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []

    def add(self, wire: "Wire") -> None:
        """Let the wire write once everything that is ready to run now has run."""
        if not self._wires:
            asyncio.get_running_loop().call_soon(self._flush)
        self._wires.append(wire)

    def _flush(self) -> None:
        wires, self._wires = self._wires, []
        for wire in wires:
            try:
                wire.flush()
            except Exception:  # the other connections must be written to
                log.exception("a connection could not be written to; it is dropped")
                wire.abort()


class Wire:
    """A WebSocket's connection, written to in order and without waiting."""

    __slots__ = ("_at_most", "_outbox", "_pending", "_transport")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._pending: bytes | bytearray | None = None  # one frame, or several
        self._at_most = 0  # what may be unsent; the exact number costs more than most writes need

    def write(self, frame: bytes) -> None:
        """Send a frame after all earlier ones, at the end of this turn of the event loop."""
        pending = self._pending
        if pending is None:
            self._pending = frame
            self._outbox.add(self)
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

    def abort(self) -> None:
        """Drop the connection and what is unsent."""
        self._transport.abort()
