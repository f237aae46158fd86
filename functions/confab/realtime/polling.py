"""Engine.IO over plain requests: what waits for the next poll, and what a client posts."""

import asyncio
from typing import Any

from aiohttp import web
from engineio.exceptions import EngineIOError
from engineio.packet import Packet
from engineio.payload import Payload

from confab.realtime import packets

POST_S = 10.0
"""Seconds within which the body of a polling request must have arrived."""
MAX_PACKETS = 1_000
"""Packets in one request: handling them must not hold up everybody else for long."""
MAX_POSTS = 8
"""Requests of one socket that may bring packets at the same time; stock clients send one."""


class PollQueue:
    """The packets that wait for the next poll of a socket that has no WebSocket yet."""

    __slots__ = ("_ended", "_news", "_packets", "bytes")

    def __init__(self) -> None:
        self._packets: list[Packet] = []
        self._news: asyncio.Event | None = None  # made while somebody waits
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

    def take(self) -> list[Packet]:
        """Every packet that is there."""
        packets, self._packets, self.bytes = self._packets, [], 0
        return packets

    async def wait(self) -> list[Packet]:
        """Every packet, once there is one; nothing after the end."""
        while not self._packets and not self._ended:
            self._news = self._news or asyncio.Event()
            await self._news.wait()
        return self.take()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None


async def posted(environ: dict[str, Any], *, most_bytes: int) -> list[Packet]:
    """The packets that a request brings, its body read whole: the library takes what is there so far.

    Raises EngineIOError for a body that is too long, does not arrive, or is no such packets.
    """
    request: web.Request = environ["aiohttp.request"]
    length = request.content_length or 0
    if length > most_bytes:
        raise EngineIOError("the body is too long")
    try:
        async with asyncio.timeout(POST_S):
            body = await request.content.readexactly(length)
        brought: list[Packet] = Payload(encoded_payload=body.decode()).packets
    except (OSError, asyncio.IncompleteReadError) as error:
        raise EngineIOError("the body did not arrive") from error
    except (ValueError, LookupError) as error:
        raise EngineIOError("the body is no packets, or too many") from error
    return brought
