"""HTTP/1.1 by hand, one request a connection: it costs an attacker little and says what it likes."""

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

ANSWER_S = 10.0
UNAVAILABLE = 500
READ_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the status is 0 if nothing did."""

    status: int
    head: str
    body: bytes
    ms: float

    @property
    def said(self) -> str:
        """The status, with the problem's code where a server says that it failed."""
        if not self.status:
            return "no answer"
        return f"{self.status} {self.code}" if self.status >= UNAVAILABLE else str(self.status)

    @property
    def code(self) -> str:
        """The code of a problem; `?` if it is none."""
        try:
            return str(json.loads(self.body)["code"])
        except (ValueError, LookupError, TypeError):
            return "?"


async def ask(
    address: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    within_s: float = ANSWER_S,
) -> Answer:
    """Send a request and read its answer to the end. Raises nothing for what the server does."""
    lines = {"Host": address, "Connection": "close"} | dict(headers or {})
    if body is not None and "Transfer-Encoding" not in lines:
        lines |= {"Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return await exchange(
        address, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""), within_s
    )


async def exchange(address: str, request: bytes, within_s: float = ANSWER_S) -> Answer:
    """Send these bytes and read until the server closes the connection, or the time is over."""
    started = time.monotonic()
    received = bytearray()
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await connect(address)
            try:
                writer.write(request)
                while piece := await reader.read(READ_BYTES):
                    received += piece
            finally:
                writer.close()
    except (OSError, TimeoutError):  # what came before it counts
        pass
    return parsed(bytes(received), (time.monotonic() - started) * 1000)


async def connect(
    address: str, *, receive_bytes: int | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to `host:port`; what is not read fills this much here, and then the server's side."""
    host, _, port = address.rpartition(":")
    sock = socket.socket()
    sock.setblocking(False)
    if receive_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    except BaseException:
        sock.close()
        raise
    return await asyncio.open_connection(sock=sock, limit=receive_bytes or READ_BYTES)


def chunked(*parts: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def parsed(received: bytes, ms: float) -> Answer:
    """The answer in these bytes."""
    head, _, body = received.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not words[0].startswith(b"HTTP/") or len(words) < 2 or not words[1].isdigit():
        return Answer(0, "", received, ms)
    text = head.decode("latin-1")
    return Answer(int(words[1]), text, _unchunked(body) if "chunked" in text.lower() else body, ms)


def _unchunked(body: bytes) -> bytes:
    whole = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        whole += body[:length]
        body = body[length + 2 :]
    return bytes(whole)
