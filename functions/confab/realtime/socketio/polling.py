"""Engine.IO over plain requests: what a poll gets, and what a request brings."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Sequence

from aiohttp import hdrs, web

from confab.realtime.socketio.engine import Packet
from confab.realtime.socketio.packets import Malformed
from confab.realtime.socketio.socket import Socket

POST_S = 10.0
"""Seconds within which the body of a request must have arrived."""
GONE_POLL_S = 1.0
"""Seconds between two looks whether the client of a poll is still there: nothing signals that it left."""
MAX_PACKETS = 1_000
"""Packets in one request: handling them must not delay other sockets for long."""
SEPARATOR = "\x1e"
"""Separates two packets: https://socket.io/docs/v4/engine-io-protocol/#http-long-polling-1."""
MAX_POLLED = 16
"""Packets in one answer: python-engineio's clients end a session that brings more."""
MAX_POSTS = 8
"""Requests of one socket that may bring packets at the same time; stock clients send one."""


async def polled(socket: Socket, request: web.Request) -> str | None:
    """The packets for a poll, once there are any. None if another poll waits, which ends the session.

    A client that goes away meanwhile ends it, too.
    """
    if not socket.session.begin_poll():
        socket.settle()
        return None
    socket.polled_by, poll = request, asyncio.create_task(socket.outlet.poll(MAX_POLLED))
    try:
        while not poll.done():
            await asyncio.wait({poll}, timeout=GONE_POLL_S)
            socket.end_if_left()
        return payload(poll.result())
    finally:
        socket.polled_by = None
        poll.cancel()


def payload(packets: Sequence[Packet]) -> str:
    """Several packets as one text."""
    return SEPARATOR.join(
        packet if isinstance(packet, str) else "b" + b64encode(packet).decode() for packet in packets
    )


async def posted(socket: Socket, request: web.Request) -> bool:
    """Take in what a request brings, however it is framed; whether it was what clients send."""
    socket.posts += 1
    try:
        if socket.posts > MAX_POSTS:
            raise Malformed("too many requests at once")
        for packet in await _read(socket, request):
            await socket.receive(packet, len(packet))
    except Malformed:
        socket.close()
        return False
    finally:
        socket.posts -= 1
    return True


async def _read(socket: Socket, request: web.Request) -> list[Packet]:
    """The packets in a request's body. Raises Malformed for one that is encoded, too long or too slow."""
    try:
        async with asyncio.timeout(POST_S):
            body = await _body(request, socket.max_payload)
        packets = body.decode().split(SEPARATOR)
        if len(packets) > MAX_PACKETS:
            raise Malformed("too many packets")
        return [_packet(packet) for packet in packets]
    except (OSError, web.RequestPayloadError) as error:
        raise Malformed("the body did not arrive") from error
    except ValueError as error:
        raise Malformed("the body is no packets") from error


def _packet(text: str) -> Packet:
    return text if text[:1] != "b" else b64decode(text[1:], validate=True)


async def _body(request: web.Request, most: int) -> bytes:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Malformed("the body is encoded")
    if (request.content_length or 0) > most:
        raise Malformed("the body is too long")
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > most:
            raise Malformed("the body is too long")
    return bytes(body)
