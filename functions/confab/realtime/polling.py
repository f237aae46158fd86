"""Engine.IO over plain requests: the queue for the next poll, and what a client posts."""

import asyncio

from aiohttp import hdrs, web
from engineio.exceptions import EngineIOError
from engineio.packet import Packet

from confab.realtime import packets

POST_S = 10.0
"""Seconds within which the body of a polling request must have arrived."""
MAX_PACKETS = 1_000
"""Packets in one request: handling them must not delay other sockets for long."""
SEPARATOR = b"\x1e"
"""Separates two packets of a request."""
MAX_POLLED = 16
"""Packets in one answer: python-engineio's clients end a session that brings more."""
MAX_POSTS = 8
"""Requests of one socket that may bring packets at the same time; stock clients send one."""


class PollQueue:
    """The packets that wait for the next poll of a socket that has no WebSocket yet."""

    __slots__ = ("_arrival", "_ended", "_packets", "bytes")

    def __init__(self) -> None:
        self._packets: list[Packet] = []
        self._arrival: asyncio.Event | None = None  # made while a poll waits
        self._ended = False
        self.bytes = 0
        """The bytes of all of them, as frames."""

    def put(self, packet: Packet) -> None:
        """Add a packet."""
        self._packets.append(packet)
        self.bytes += len(packets.frame(packet))
        self._wake()

    def end(self) -> None:
        """Answer every further poll, with nothing once all packets are taken."""
        self._ended = True
        self._wake()

    def take(self, most: int | None = None) -> list[Packet]:
        """The first so many packets that are there, or all."""
        taken = self._packets[:most]
        del self._packets[:most]
        self.bytes -= sum(len(packets.frame(packet)) for packet in taken)
        return taken

    async def wait(self) -> list[Packet]:
        """The next MAX_POLLED packets, once there is one; nothing after the end."""
        while not self._packets and not self._ended:
            self._arrival = self._arrival or asyncio.Event()
            await self._arrival.wait()
        return self.take(MAX_POLLED)

    def _wake(self) -> None:
        if self._arrival is not None:
            self._arrival.set()
            self._arrival = None


async def posted(request: web.Request, *, most_bytes: int) -> list[Packet]:
    """The packets that a request brings, its body read whole, however it is framed.

    Raises EngineIOError for a body that is encoded, is longer than `most_bytes`, does not arrive
    within POST_S, or is no such packets.
    """
    try:
        async with asyncio.timeout(POST_S):
            body = await _body(request, most_bytes)
        if body.count(SEPARATOR) >= MAX_PACKETS:
            raise EngineIOError("the body has too many packets")
        texts = body.decode().split(SEPARATOR.decode())
        return [packets.received(text, most_bytes=most_bytes) for text in texts]
    except (OSError, web.RequestPayloadError) as error:
        raise EngineIOError("the body did not arrive") from error
    except ValueError as error:
        raise EngineIOError("the body is no packets") from error


async def _body(request: web.Request, most_bytes: int) -> bytes:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise EngineIOError("the body is encoded")
    if (request.content_length or 0) > most_bytes:
        raise EngineIOError("the body is too long")
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > most_bytes:
            raise EngineIOError("the body is too long")
    return bytes(body)
