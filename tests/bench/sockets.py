"""Socket.IO clients that cost next to nothing: bare sockets that know frames, not what is in them.

The load generator shares the machine with the server it measures, so it decodes no JSON while it
counts. Frames of a server are not masked and are not fragmented here; a client's are masked, with
a mask of zeros, which changes nothing (RFC 6455, section 5.3).
"""

import json
import socket
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

READ_BYTES = 1 << 20
PATIENCE_S = 20.0
"""Seconds that a server has for each step of a connection."""
TEXT = 0x81
OPEN, CONNECTED, EVENT, ACK, PING, PONG = b"0", b"40", b"42", b"43", b"2", "3"
END = b"\r\n\r\n"
UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class BenchSocket:
    """One connected client; blocking until it has joined, non-blocking from then on."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._partial = b""
        self._arrived: deque[bytes] = deque()
        self._asked = 0

    @classmethod
    def connected(cls, url: str, token: str) -> "BenchSocket":
        """A connected socket."""
        address = urlsplit(url)
        wire = socket.create_connection((address.hostname, address.port), PATIENCE_S)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = cls(wire)
        wire.sendall(UPGRADE.format(host=address.netloc).encode())
        head = b""
        while END not in head:
            head += client._read()
        head, _, frames = head.partition(END)
        assert head.startswith(b"HTTP/1.1 101 "), head
        client._arrived.extend(client._packets(frames))
        client._expect(OPEN)
        client.send("40" + json.dumps({"token": token}))
        client._expect(CONNECTED)
        return client

    def join(self, conversation_id: str) -> None:
        """Enter a room; returns once the server has acknowledged it."""
        self.ask("join", {"conversationId": conversation_id})
        packet = self._expect(ACK)
        assert b'"ok":true' in packet.replace(b" ", b"")[:40], packet
        self._wire.setblocking(False)

    def ask(self, event: str, payload: Mapping[str, Any]) -> None:
        """Emit an event that is to be acknowledged."""
        self._asked += 1
        self.send(f"42{self._asked}" + json.dumps([event, payload], separators=(",", ":")))

    def send(self, packet: str) -> None:
        """Write one packet; they are far smaller than the kernel's buffer."""
        payload = packet.encode()
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126, size >> 8, size & 0xFF])
        self._wire.sendall(bytes([TEXT]) + length + bytes(4) + payload)

    def receive(self) -> tuple[int, int]:
        """How many events and how many acknowledgements have come; answers pings by the way."""
        events = acks = 0
        for packet in self._packets(self._read()):
            if packet.startswith(EVENT):
                events += 1
            elif packet.startswith(ACK):
                acks += 1
            else:
                assert packet == PING, f"the server sent {packet!r}"
                self.send(PONG)
        return events, acks

    def fileno(self) -> int:
        """What it is known by to the kernel."""
        return self._wire.fileno()

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _expect(self, kind: bytes) -> bytes:
        """The next packet that is no ping, which must be of this kind."""
        while not self._arrived or self._arrived[0] == PING:
            if self._arrived:
                self._arrived.popleft()
            else:
                self._arrived.extend(self._packets(self._read()))
        packet = self._arrived.popleft()
        assert packet.startswith(kind), packet
        return packet

    def _packets(self, data: bytes) -> Iterator[bytes]:
        """The packets that are whole now that this has come."""
        data = self._partial + data
        at = 0
        while at + 2 <= len(data):
            size, start = data[at + 1], at + 2
            if size > 125:
                start += 2 if size == 126 else 8
                size = int.from_bytes(data[at + 2 : start])
            if start + size > len(data):
                break
            assert data[at] == TEXT, "the server hung up"
            yield data[start : start + size]
            at = start + size
        self._partial = data[at:]

    def _read(self) -> bytes:
        data = self._wire.recv(READ_BYTES)
        assert data, "the server hung up"
        return data
