"""python-socketio, held to what Confab promises. The only module that reaches below its API.

- Events of a socket are carried out one after the other, and each is acknowledged, whatever it
  holds: unknown names, binary attachments, packets over the limit. None ends the connection.
- What must follow an acknowledgement (the first live entry of a room) follows it.
- An event for many sockets is encoded once.
"""

import asyncio
import logging
import types
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import socketio
from engineio import packet as engineio_packet
from pydantic_core import from_json, to_json
from socketio import packet as socketio_packet

from confab.domain.errors import ConfabError, InvalidRequest, PayloadTooLarge, problem
from confab.realtime import engine
from confab.realtime.protocol import refused

log = logging.getLogger(__name__)

HARD_LIMIT_FACTOR = 16
"""A packet this many times over the limit is not read at all: the connection is closed."""
CONNECT_S = 10.0
"""Seconds within which a connection must ask to be let in."""

json = types.SimpleNamespace(
    dumps=lambda value, **_: to_json(value).decode(),
    loads=lambda text, **_: from_json(text, allow_inf_nan=False),
)
"""The codec of Socket.IO packets: RFC 8259 and nothing beyond, nested to a bounded depth."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an event is acknowledged with, and what to do once that is on its way."""

    ack: Mapping[str, Any]
    then: Callable[[], Awaitable[None]] | None = None


class Events(Protocol):
    """What is done with the sockets of a transport."""

    async def connected(self, sid: str, auth: object) -> Reply:
        """Let a socket in, or raise ConfabError; the acknowledgement is not sent."""
        ...

    async def event(self, sid: str, name: object, arguments: Sequence[object]) -> Reply:
        """Carry out an event. Never raises."""
        ...

    def disconnected(self, sid: str) -> None:
        """Forget a socket."""
        ...

    def fell_behind(self, sid: str, event: str, data: Mapping[str, Any]) -> None:
        """Note that this event was not queued for a socket that has too much unsent."""
        ...


class Transport(socketio.AsyncServer):
    """The Socket.IO server of this process."""

    def __init__(
        self, *, max_packet_bytes: int, max_unsent_bytes: int, allowed_origins: Sequence[str]
    ) -> None:
        super().__init__(
            async_mode="aiohttp",
            async_handlers=False,
            cors_allowed_origins=list(allowed_origins),
            json=json,
            max_http_buffer_size=max_packet_bytes * HARD_LIMIT_FACTOR,
        )
        self._max_packet_bytes = max_packet_bytes
        self._max_unsent_bytes = max_unsent_bytes
        self._events: Events
        self._after_connect: dict[str, Callable[[], Awaitable[None]]] = {}

    def serve(self, events: Events) -> None:
        """Hand everything that sockets do to `events`; call once, before the first connection."""
        self._events = events
        self.on("connect", self._on_connect)
        self.on("disconnect", lambda sid, _reason: events.disconnected(sid))

    def send_event(self, sids: Iterable[str], event: str, data: Mapping[str, Any]) -> None:
        """Queue an event for these sockets; never waits. Those that are gone are left out.

        For a socket with too much unsent it is not queued; `Events.fell_behind` is called instead.
        """
        packet = self._packet(event, data)
        for sid in sids:
            socket = self._socket(sid)
            if socket is None:
                continue
            if socket.queue.bytes + engine.size(packet) > self._max_unsent_bytes:
                self._events.fell_behind(sid, event, data)
            else:
                socket.queue.put_nowait(packet)

    def tell(self, sid: str, event: str, data: Mapping[str, Any]) -> None:
        """Queue an event for a socket, however much it has unsent: of these there are few."""
        if (socket := self._socket(sid)) is not None:
            socket.queue.put_nowait(self._packet(event, data))

    async def close_socket(self, sid: str) -> None:
        """Close a socket's connection after what is queued for it, within `engine.LINGER_S`.

        The transport is closed rather than the namespace, so that stock clients reconnect.
        """
        if (socket := self._socket(sid)) is None:
            return
        try:
            async with asyncio.timeout(engine.LINGER_S):
                await socket.close()
        except TimeoutError:
            log.info("a socket did not take what was queued for it before it was closed")
            engine.release(socket)
        else:
            socket.queue.put_nowait(None)  # ends the library's writer, which then closes the WebSocket

    def _socket(self, sid: str) -> Any:
        socket = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, "/"))
        return None if socket is None or socket.closed else socket

    def _packet(self, event: str, data: Mapping[str, Any]) -> engineio_packet.Packet:
        text = self.packet_class(socketio_packet.EVENT, data=[event, data], namespace="/").encode()
        return engineio_packet.Packet(engineio_packet.MESSAGE, text)

    def _engineio_server_class(self) -> type[engine.Engine]:
        return engine.Engine

    async def _on_connect(self, sid: str, _environ: object, auth: object = None) -> None:
        try:
            reply = await self._events.connected(sid, auth)
        except ConfabError as error:
            raise socketio.exceptions.ConnectionRefusedError(
                error.title, problem(error, uuid.uuid4().hex)
            ) from error
        if reply.then is not None:
            self._after_connect[sid] = reply.then

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        asyncio.get_running_loop().call_later(CONNECT_S, self._close_if_unknown, eio_sid)

    def _close_if_unknown(self, eio_sid: str) -> None:
        """End a connection that never asked to be let in."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and self.manager.sid_from_eio_sid(eio_sid, "/") is None:
            engine.release(socket)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)
        if socket is not None:
            engine.release_later(socket)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        then = self._after_connect.pop(sid, None)
        if sid is not None and eio_sid not in self.eio.sockets:  # it went away in the meantime
            await self._handle_disconnect(eio_sid, namespace)
        elif then is not None:
            await then()

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        if isinstance(data, bytes):
            return  # an attachment of an event that has been refused
        try:
            packet = self.packet_class(encoded_packet=data)
        except (ValueError, TypeError) as error:
            log.info("a packet could not be read", extra={"error": type(error).__name__})
            return
        if packet.packet_type in (socketio_packet.EVENT, socketio_packet.BINARY_EVENT):
            await self._handle_packet(eio_sid, packet, len(data.encode()))
        elif packet.packet_type in (socketio_packet.CONNECT, socketio_packet.DISCONNECT):
            await super()._handle_eio_message(eio_sid, data)

    async def _handle_packet(self, eio_sid: str, packet: socketio_packet.Packet, size: int) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, packet.namespace or "/")
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or not self.manager.is_connected(sid, packet.namespace or "/"):
            return
        if socket.queue.bytes > 2 * self._max_unsent_bytes:  # asks and asks, and reads no answer
            await socket.close(wait=False, abort=True)
            return
        reply = await self._carry_out(sid, packet, size)
        if packet.id is not None:
            ack = self.packet_class(
                socketio_packet.ACK, namespace=packet.namespace, id=packet.id, data=[reply.ack]
            )
            await self._send_packet(eio_sid, ack)
        if reply.then is not None:
            await reply.then()

    async def _carry_out(self, sid: str, packet: socketio_packet.Packet, size: int) -> Reply:
        try:
            if size > self._max_packet_bytes:
                raise PayloadTooLarge(f"A packet has at most {self._max_packet_bytes} bytes.")
            if packet.packet_type == socketio_packet.BINARY_EVENT:
                raise InvalidRequest.field("", "binary data is not taken")
            if not isinstance(packet.data, list) or not packet.data:
                raise InvalidRequest.field("", "an event is an array that starts with its name")
        except ConfabError as error:
            return Reply(refused(error, uuid.uuid4().hex))
        return await self._events.event(sid, packet.data[0], packet.data[1:])
