"""Socket.IO clients that cost next to nothing: bare sockets that know frames, not what is in them.

The load generator shares the machine with the server it measures, so it decodes no JSON while it
counts. Frames of a server are not masked and are not fragmented here; a client's are masked, with
a mask of zeros, which changes nothing (RFC 6455, section 5.3).
"""

import base64
import json
import os
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

READ_BYTES = 1 << 20
PATIENCE_S = 20.0
"""Seconds that a server has for each step of a connection."""
TEXT, CLOSE = 0x81, 0x88
EVENT, ACK, PING = b"42", b"43", b"2"


class BenchSocket:
    """One connected client; blocking until `connected` returns, non-blocking from then on."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._unread = b""
        self._asked = 0

    @classmethod
    def connected(cls, url: str, token: str) -> "BenchSocket":
        """A connected socket."""
        netloc = urlsplit(url).netloc
        host, port = netloc.split(":")
        wire = socket.create_connection((host, int(port)), PATIENCE_S)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = cls(wire)
        client._upgrade(netloc)
        client.send("40" + json.dumps({"token": token}))
        answer = client._next()
        assert answer.startswith(b"40"), answer
        return client

    def join(self, conversation_id: str) -> None:
        """Enter a room; returns once the server says so, and takes no wait from here on."""
        self.ask("join", {"conversationId": conversation_id})
        self.joined()

    def joined(self) -> None:
        """Return once the server has acknowledged a join."""
        while not (packet := self._next()).startswith(ACK):
            assert not packet.startswith(EVENT), packet
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
        data = self._unread + self._wire.recv(READ_BYTES)
        end = len(data)
        events = acks = at = 0
        while at + 2 <= end:
            size = data[at + 1]
            start = at + 2
            if size > 125:
                start += 2 if size == 126 else 8
                if start > end:
                    break
                size = int.from_bytes(data[at + 2 : start])
            if start + size > end:
                break
            kind = data[start : start + min(size, 2)]
            if kind == EVENT:
                events += 1
            elif kind == ACK:
                acks += 1
            elif kind == PING:
                self.send("3")
            else:
                raise AssertionError(f"the server said {data[at : start + size]!r}")
            at = start + size
        self._unread = data[at:]
        return events, acks

    def fileno(self) -> int:
        """What it is known by to the kernel."""
        return self._wire.fileno()

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _upgrade(self, netloc: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
            f"Host: {netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        self._wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._unread:
            self._fill()
        answer, _, self._unread = self._unread.partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        opened = self._next()
        assert opened.startswith(b"0{"), opened

    def _next(self) -> bytes:
        """The next packet, while the socket still blocks."""
        while True:
            if len(self._unread) >= 2:
                assert self._unread[0] != CLOSE, "the server hung up"
                size = self._unread[1]
                start = {126: 4, 127: 10}.get(size, 2)
                if start > 2:
                    size = int.from_bytes(self._unread[2:start])
                if len(self._unread) >= start + size:
                    packet = self._unread[start : start + size]
                    self._unread = self._unread[start + size :]
                    return packet
            self._fill()

    def _fill(self) -> None:
        data = self._wire.recv(READ_BYTES)
        assert data, "the server hung up"
        self._unread += data
