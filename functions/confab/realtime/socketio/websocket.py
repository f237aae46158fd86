"""Engine.IO over a WebSocket: from its first packet, or taking over from polling."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiohttp import WSMsgType, web

from confab.realtime.reading import READ_BYTES, SmallReads
from confab.realtime.socketio.engine import Packet
from confab.realtime.socketio.packets import Malformed
from confab.realtime.socketio.registry import LINGER_S
from confab.realtime.socketio.socket import Socket
from confab.realtime.socketio.wire import Wire, Writer

log = logging.getLogger(__name__)

UPGRADE_S = 10.0
"""Seconds within which a WebSocket that is to take over from polling must have done so."""
DATA = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})
RECEIVED = DATA | {WSMsgType.PING, WSMsgType.PONG}
"""The messages after which others may follow."""


class _Meter(SmallReads):
    """Counts what a connection brings, and drops it once that is too much for one message.

    A message may come in fragments without end, even without content; nothing else would tell of them.
    """

    def __init__(self, transport: asyncio.Transport, most: int) -> None:
        self._transport = transport
        self._most = most
        self._received = 0
        self.lost: Callable[[], None] | None = None
        """Called when the connection is lost."""
        self._next = cast("asyncio.Protocol", transport.get_protocol())
        transport.set_protocol(self)

    def take(self) -> int:
        """The bytes that were received since the last call."""
        received, self._received = self._received, 0
        return received

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._most:
            log.info("a message of a WebSocket does not end; its connection is dropped")
            self._transport.abort()
        else:
            self._next.data_received(data)

    def eof_received(self) -> bool | None:
        return self._next.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.lost is not None:
            self.lost()
        self._next.connection_lost(exc)

    def pause_writing(self) -> None:
        self._next.pause_writing()

    def resume_writing(self) -> None:
        self._next.resume_writing()


class WebSocket:
    """A WebSocket that is not compressed: deflate costs more here than it saves."""

    def __init__(self, request: web.Request, *, max_bytes: int) -> None:
        """A message has `max_bytes` at most: one that has more ends the connection."""
        self.response = web.WebSocketResponse(
            timeout=LINGER_S, max_msg_size=max_bytes, compress=False, autoping=False
        )
        self._request = request
        self._max_bytes = max_bytes

    async def accept(self) -> bool:
        """Shake hands; False if the client is gone."""
        try:
            await self.response.prepare(self._request)
        except ConnectionError:
            return False
        if (transport := self._request.transport) is None:
            return False
        self._meter = _Meter(transport, self._max_bytes + READ_BYTES)
        return True

    async def serve(self, socket: Socket, writer: Writer) -> None:
        """Be the connection of a socket until one of the two ends."""
        if (transport := self._request.transport) is not None:
            socket.attach(self.response, Wire(transport, writer, socket.session.sid))
            self._meter.lost = socket.detach  # at once: nobody waits any more for what was asked for
            try:
                while socket.session.open and (message := await self.response.receive()).type in RECEIVED:
                    received = self._meter.take()
                    if message.type in DATA:
                        await socket.receive(message.data, received)
                    else:
                        ping = message.data if message.type is WSMsgType.PING else None
                        await socket.control(ping, received)
            except Malformed:
                pass  # the socket is being closed
            await socket.closed()
        socket.detach()

    async def upgrade(self, socket: Socket) -> bool:
        """Whether this WebSocket takes over from polling, which goes on if it does not within UPGRADE_S."""
        session = socket.session
        if not session.begin_upgrade():
            return False
        socket.expect(self.response)
        try:
            async with asyncio.timeout(UPGRADE_S):
                while session.open and not session.over_websocket:
                    answer = session.upgrade(await self._packet())
                    socket.settle()
                    if answer is not None:
                        await self.response.send_str(answer)
        except (TimeoutError, Malformed, ConnectionError):
            return False
        finally:
            session.end_upgrade()
            socket.expect(None)
        return session.open

    async def close(self) -> None:
        """Close it without a session."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(LINGER_S):
                await self.response.close()

    async def _packet(self) -> Packet:
        message = await self.response.receive()
        if message.type not in DATA:
            raise Malformed("the WebSocket has ended")
        packet: Packet = message.data
        return packet
