"""python-socketio, held to what Confab promises. The only module that reaches below its API.

- Events of a socket are carried out one after the other, and each is acknowledged, whatever it
  holds: unknown names, binary attachments, packets over the limit. None ends the connection.
- What must follow an acknowledgement (the first live entry of a room) follows it.
- An event for many sockets is encoded once.
"""

import asyncio
import logging
import re
import time
import types
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import socketio
from engineio import packet as engineio_packet
from pydantic_core import from_json, to_json
from socketio import packet as socketio_packet

from confab.domain.errors import ConfabError, Internal, InvalidRequest, PayloadTooLarge, problem
from confab.realtime import engine
from confab.realtime.protocol import refused

log = logging.getLogger(__name__)

HARD_LIMIT_FACTOR = 16
"""A packet this many times over the limit is not read: the connection or the poll is ended."""
EVENT_HEAD = re.compile(r"[25](\d{1,9}-)?(/[^,\[]*,)?\d{0,15}", re.ASCII)
"""An event's type, attachment count, namespace and id, which stand before its JSON."""
UNSENT_POLL_S = 0.05
STALLED_S = 10.0
"""Seconds for which a socket with too much unsent may take nothing before it is closed."""
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
                await socket.queue.join()  # a poll that comes after the close would get nothing
                await socket.close()
        except TimeoutError:
            log.info("a socket did not take what was queued for it before it was closed")
            await self._end(socket)
        else:
            socket.queue.put_nowait(None)  # ends the library's writer, which then closes the WebSocket

    async def _end(self, socket: Any) -> None:
        """Close a socket's connection without a word."""
        await socket.close(wait=False, abort=True)
        socket.queue.put_nowait(None)
        self.eio.sockets.pop(socket.sid, None)

    def _socket(self, sid: str) -> Any:
        return self._open_socket(self.manager.eio_sid_from_sid(sid, "/"))

    def _open_socket(self, eio_sid: str | None) -> Any:
        socket = self.eio.sockets.get(eio_sid)
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
            raise _refusal(error) from error
        except Exception as error:
            log.exception("a handshake failed")
            raise _refusal(Internal("Something went wrong on our side.")) from error
        if reply.then is not None:
            self._after_connect[sid] = reply.then

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self.eio.sockets[eio_sid].turn = asyncio.Lock()
        asyncio.get_running_loop().call_later(CONNECT_S, self._close_unless_known, eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)
        if socket is not None:
            engine.release_later(socket)

    def _close_unless_known(self, eio_sid: str) -> None:
        """End a connection that never asked to be let in."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and self.manager.sid_from_eio_sid(eio_sid, "/") is None:
            self.start_background_task(self._end, socket)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        then = self._after_connect.pop(sid, None)
        if sid is not None and self._open_socket(eio_sid) is None:  # it ended in the meantime
            await self._handle_disconnect(eio_sid, namespace)
        elif then is not None:
            await then()

    async def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        """Take one packet of a socket at a time, also where several requests bring them."""
        socket = self._open_socket(eio_sid)
        if socket is None or not isinstance(data, str):  # bytes belong to an event that was refused
            return
        if socket.last_ping:  # what it says shows that it is alive; its PONG waits behind this
            socket.last_ping = time.time()
        async with socket.turn:
            await self._handle_text(socket, data)

    async def _handle_text(self, socket: Any, text: str) -> None:
        packet = self._packet_of(text)
        if packet is None:
            log.info("a packet could not be read")
        elif packet.packet_type in (socketio_packet.EVENT, socketio_packet.BINARY_EVENT):
            await self._handle_packet(socket, packet, len(text.encode()))
        elif packet.packet_type == socketio_packet.CONNECT:
            await self._handle_connect(socket.sid, packet.namespace, packet.data)
        elif packet.packet_type == socketio_packet.DISCONNECT:
            await self._end(socket)

    def _packet_of(self, text: str) -> socketio_packet.Packet | None:
        """The packet in a text; an event whose JSON is broken comes without data, to be refused."""
        try:
            return self.packet_class(encoded_packet=text)
        except (ValueError, TypeError):
            head = EVENT_HEAD.match(text)
            return self.packet_class(encoded_packet=head[0]) if head else None

    async def _handle_packet(self, socket: Any, packet: socketio_packet.Packet, size: int) -> None:
        sid = self.manager.sid_from_eio_sid(socket.sid, packet.namespace or "/")
        if not self.manager.is_connected(sid, packet.namespace or "/"):
            return
        if not await self._reads_its_answers(socket):
            await self._end(socket)
            return
        reply = await self._carry_out(sid, packet, size)
        if socket.closed:
            return
        if packet.id is not None:
            ack = self.packet_class(
                socketio_packet.ACK, namespace=packet.namespace, id=packet.id, data=[reply.ack]
            )
            await self._send_packet(socket.sid, ack)
        if reply.then is not None:
            await reply.then()

    async def _reads_its_answers(self, socket: Any) -> bool:
        """Wait while too much is unsent: until then the socket is not heard. False if it stalls."""
        stalled = 0.0
        while (unsent := socket.queue.bytes) > self._max_unsent_bytes and not socket.closed:
            await asyncio.sleep(UNSENT_POLL_S)
            moved = socket.queue.bytes < unsent
            stalled = 0.0 if moved else stalled + UNSENT_POLL_S
            if moved and socket.last_ping:
                socket.last_ping = time.time()
            if stalled >= STALLED_S:
                return False
        return True

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


def _refusal(error: ConfabError) -> socketio.exceptions.ConnectionRefusedError:
    return socketio.exceptions.ConnectionRefusedError(error.title, problem(error, uuid.uuid4().hex))
