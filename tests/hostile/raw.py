"""Connections on which an attacker says what it likes: bytes, HTTP requests, WebSockets."""

import asyncio
import io
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import ConnectionClosed, WebSocketException

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
ANSWER_S = 10.0
SERVER_ERROR = 500
READ_BYTES = 262_144
DEAF_BYTES = 32_768
REFUSALS = (OSError, WebSocketException)
"""What opening a WebSocket raises if the server does not take it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, the status being 0 if nothing did, and whether the server closed the connection."""

    status: int
    body: bytes
    ms: float
    closed: bool
    headers: dict[str, str] = field(default_factory=dict)
    """By name in lower case."""

    @property
    def said(self) -> str:
        """The status, with the problem's code where a server says that it failed."""
        if not self.status:
            return "no answer"
        return f"{self.status} {self.code}" if self.status >= SERVER_ERROR else str(self.status)

    @property
    def code(self) -> str:
        """The code of a problem; `?` if it is none."""
        try:
            return str(json.loads(self.body)["code"])
        except (ValueError, LookupError, TypeError):
            return "?"


def http(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """A request after which the server closes the connection; its body has a length or comes in chunks."""
    lines = {"Host": "confab", "Connection": "close"} | dict(headers or {})
    if body is not None and "Transfer-Encoding" not in lines:
        lines.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")


async def exchange(address: str, request: bytes, within_s: float = ANSWER_S) -> Answer:
    """Send these bytes and read until the server closes the connection, or the time is over.

    Raises nothing for what the server does.
    """
    started, received, closed = time.monotonic(), bytearray(), True
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(*address.split(":"), limit=READ_BYTES)
            try:
                writer.write(request)
                while piece := await reader.read(READ_BYTES):
                    received += piece
            finally:
                writer.close()
    except TimeoutError:
        closed = False
    except OSError:  # what came before it counts
        pass
    return _parsed(bytes(received), (time.monotonic() - started) * 1000, closed)


def deaf_socket(address: str) -> socket.socket:
    """A connection to `host:port` with a small receive buffer: what is not read fills the server's side."""
    host, port = address.split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEAF_BYTES)
    sock.connect((host, int(port)))
    return sock


async def polling_session(address: str) -> str:
    """The path of a new session on long polling, of nobody so far."""
    opened = await exchange(address, http("GET", POLLING))
    return f"{POLLING}&sid={json.loads(opened.body[1:])['sid']}"


async def open_wire(address: str) -> ClientConnection:
    """A WebSocket that reads nothing ahead. Raises REFUSALS."""
    return await websocket(
        f"ws://{address}{WEBSOCKET}",
        sock=deaf_socket(address),
        compression=None,
        max_queue=1,
        max_size=None,
        ping_interval=None,
    )


async def replies(wire: ClientConnection, count: int, within_s: float) -> tuple[list[str], bool]:
    """At most `count` texts other than Engine.IO's own, and whether the connection is over."""
    received: list[str] = []
    try:
        async with asyncio.timeout(within_s):
            while len(received) < count:
                text = str(await wire.recv())
                if text.startswith("4"):
                    received.append(text)
    except ConnectionClosed:
        return received, True
    except TimeoutError:
        pass
    return received, False


class _Received(io.BytesIO):
    def makefile(self, _: str) -> "_Received":
        return self


def _parsed(received: bytes, ms: float, closed: bool) -> Answer:
    stream: Any = _Received(received)
    response = HTTPResponse(stream)
    try:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, response.read(), ms, closed, headers)
    except IncompleteRead as cut:
        return Answer(response.status, cut.partial, ms, closed, headers)
    except HTTPException:
        return Answer(0, b"", ms, closed)
