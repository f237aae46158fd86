"""python-socketio, held to what Confab promises.

What reaches below its API is here, and further below in `engine.py`, `polling.py` and
`websocket.py` (Engine.IO), `packets.py` (the encoding) and `wire.py` (the connection).

- Events of a socket begin one after the other, and each is acknowledged, whatever it holds:
  unknown names, binary attachments, packets over the limit. None ends the connection.
- What must follow an acknowledgement (the first live entry of a room) follows it.
- An event for many sockets is encoded and framed once.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import socketio
from socketio import packet as socketio_packet

from confab.domain.errors import ConfabError, Internal, InvalidRequest, PayloadTooLarge, problem
from confab.realtime import engine, packets
from confab.realtime.packets import Payload
from confab.realtime.protocol import refused
from confab.realtime.websocket import LINGER_S

log = logging.getLogger(__name__)

HARD_LIMIT_FACTOR = 4
"""A packet this many times over the limit is not read: the connection or the poll is ended."""
MAX_CONNECTS = 3
"""How often a connection may ask to be let in; a refused one may come with another token."""
EVENTS = frozenset({socketio_packet.EVENT, socketio_packet.BINARY_EVENT})
ENDINGS = frozenset({socketio_packet.DISCONNECT, socketio_packet.CONNECT})
"""What ends a connection that was let in: leaving, and asking again for what it has."""
UNSENT_POLL_S = 0.05
STALLED_S = 10.0
"""Seconds for which a socket with too much unsent may take nothing before it is closed."""
CONNECT_S = 10.0
"""Seconds within which a connection must ask to be let in, and again after a refusal."""


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

    async def event(self, sid: str, name: object, arguments: Sequence[object]) -> Reply | asyncio.Task[Reply]:
        """Carry out an event. Never raises.

        With a task the next event may begin already; it ends in the reply to this one and is
        never cancelled. Its reply has no `then`.
        """
        ...

    def disconnected(self, sid: str) -> None:
        """Forget a socket."""
        ...

    def fell_behind(self, sid: str, missed: Payload) -> None:
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
            json=packets.json,
            http_compression=False,  # of answers, on the event loop
            max_packet_bytes=max_packet_bytes,
            max_http_buffer_size=max_packet_bytes * HARD_LIMIT_FACTOR,
        )
        self._max_packet_bytes = max_packet_bytes
        self._max_unsent_bytes = max_unsent_bytes
        self._events: Events
        self._after_connect: dict[str, Callable[[], Awaitable[None]]] = {}
        self._sockets: dict[str, engine.Socket] = {}  # those that were let in, by Socket.IO's id

    def serve(self, events: Events) -> None:
        """Hand everything that sockets do to `events`; call once, before the first connection."""
        self._events = events
        self.on("connect", self._on_connect)
        self.on("disconnect", lambda sid, _reason: events.disconnected(sid))

    def send_event(self, sids: Collection[str], event: str, data: Payload) -> int:
        """Send an event to these sockets; never waits. Returns how many took it.

        Those that are gone are left out. To a socket with too much unsent it is not sent;
        `Events.fell_behind` is called instead.
        """
        taken = len(sids)
        packet = packets.event(event, data)
        frame, limit, sockets = packets.frame(packet), self._max_unsent_bytes, self._sockets
        for sid in sids:
            socket = sockets.get(sid)
            if socket is None or socket.closed:
                taken -= 1
                continue
            wire = socket.wire  # most have one: this loop is what a delivery costs
            if not (socket.offer(packet, limit) if wire is None else wire.offer(frame, limit)):
                taken -= 1
                self._events.fell_behind(sid, data)
        return taken

    def tell(self, sid: str, event: str, data: Mapping[str, Any]) -> None:
        """Send an event to a socket, however much it has unsent: of these there are few."""
        if (socket := self._open_socket(sid)) is not None:
            socket.put(packets.event(event, data))

    async def close_socket(self, sid: str) -> None:
        """Close a socket's connection after what is queued for it, within `LINGER_S`.

        The transport is closed rather than the namespace, so that stock clients reconnect.
        """
        if (socket := self._open_socket(sid)) is None:
            return
        try:
            async with asyncio.timeout(LINGER_S):
                while socket.unsent:  # noqa: ASYNC110 - neither the kernel nor a client tells of each byte
                    await asyncio.sleep(UNSENT_POLL_S)
                await socket.close()
        except TimeoutError:
            log.info("a socket did not take what was queued for it before it was closed")
            await self._end(socket)
        else:
            socket.end()

    async def _end(self, socket: engine.Socket) -> None:
        """Close a socket's connection without a word."""
        await socket.close(abort=True)
        socket.end()
        self.eio.sockets.pop(socket.sid, None)

    def _open_socket(self, sid: str) -> engine.Socket | None:
        socket = self._sockets.get(sid)
        return None if socket is None or socket.closed else socket

    def _engineio_server_class(self) -> type[engine.Engine]:
        return engine.Engine

    async def _on_connect(self, sid: str, _environ: object, auth: object = None) -> None:
        request_id = uuid.uuid4().hex
        try:
            reply = await self._events.connected(sid, auth)
        except ConfabError as error:
            log.info("socket handshake", extra={"requestId": request_id, "code": error.code})
            raise _refusal(error, request_id) from error
        except Exception as error:
            log.exception("a handshake failed", extra={"requestId": request_id})
            raise _refusal(Internal("Something went wrong on our side."), request_id) from error
        if reply.then is not None:
            self._after_connect[sid] = reply.then

    async def _handle_eio_connect(self, eio_sid: str, _environ: object) -> None:
        await super()._handle_eio_connect(eio_sid, {})  # nobody asks what the request was
        self._require_admission(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, "/")
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._sockets.pop(sid, None)
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            asyncio.get_running_loop().call_later(LINGER_S, socket.release)

    def _require_admission(self, eio_sid: str) -> None:
        """End a connection that nobody let in within CONNECT_S."""
        asyncio.get_running_loop().call_later(CONNECT_S, self._close_unless_let_in, eio_sid)

    def _close_unless_let_in(self, eio_sid: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closed or socket.admitted:
            return
        if self.manager.sid_from_eio_sid(eio_sid, "/") is None:
            self.start_background_task(self._end, socket)
        else:  # it has asked; should it be refused, it may ask again
            self._require_admission(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        then = self._after_connect.pop(sid, None)
        socket = self.eio.sockets.get(eio_sid)
        if sid is None:  # refused
            return
        if socket is None or socket.closed:  # it ended in the meantime
            await self._handle_disconnect(eio_sid, namespace)
            return
        self._sockets[sid] = socket
        socket.admitted = True
        if then is not None:
            await then()

    async def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        """Take one packet of a socket at a time, also where several requests bring them."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closed or not isinstance(data, str):
            return  # bytes belong to an event that was refused
        socket.heard()
        async with socket.turn:
            if socket.closed:  # while the packet waited
                return
            try:
                if await self._reads_its_answers(socket):
                    await self._handle_text(socket, data)
                else:
                    await self._end(socket)
            except Exception:
                log.exception("a packet could not be handled")

    async def _handle_text(self, socket: engine.Socket, text: str) -> None:
        """Carry out a packet. Of one that is too large only the head is read, to answer an event."""
        too_large = packets.size(text) > socket.most_bytes
        packet = packets.head(text) if too_large else packets.decode(text)
        kind = None if packet is None else packet.packet_type
        if kind in EVENTS and socket.admitted:
            await self._handle_packet(socket, packet, too_large=too_large)
        elif packet and kind == socketio_packet.CONNECT and self._may_connect(socket, packet):
            await self._handle_connect(socket.sid, packet.namespace, packet.data)
        elif not socket.admitted or too_large or kind in ENDINGS:
            await self._end(socket)
        elif kind is None:
            if not socket.garbled:
                log.info("a packet could not be read")
            socket.garbled = True

    def _may_connect(self, socket: engine.Socket, packet: socketio_packet.Packet) -> bool:
        """Whether a connection may ask for a namespace: a few times, and never again for what it has."""
        if socket.admitted:
            return packet.namespace not in (None, "/")
        socket.connects += 1
        return socket.connects <= MAX_CONNECTS

    async def _handle_packet(
        self, socket: engine.Socket, packet: socketio_packet.Packet, *, too_large: bool
    ) -> None:
        sid = self.manager.sid_from_eio_sid(socket.sid, packet.namespace or "/")
        if not self.manager.is_connected(sid, packet.namespace or "/"):
            return
        answer = await self._carry_out(sid, packet, too_large=too_large)
        if isinstance(answer, asyncio.Task):
            answer.add_done_callback(lambda done: self._acknowledge(socket, packet, done.result()))
        else:
            self._acknowledge(socket, packet, answer)
            if answer.then is not None and not socket.closed:
                await answer.then()

    def _acknowledge(self, socket: engine.Socket, packet: socketio_packet.Packet, reply: Reply) -> None:
        if packet.id is not None and not socket.closed:
            socket.put(packets.acknowledgement(packet.id, reply.ack))

    async def _reads_its_answers(self, socket: engine.Socket) -> bool:
        """Wait while too much is unsent: until then the socket is not heard. False if it stalls."""
        stalled = 0.0
        while (unsent := socket.unsent) > self._max_unsent_bytes and not socket.closed:
            await asyncio.sleep(UNSENT_POLL_S)
            moved = socket.unsent < unsent
            stalled = 0.0 if moved else stalled + UNSENT_POLL_S
            if moved:
                socket.heard()
            if stalled >= STALLED_S:
                return False
        return True

    async def _carry_out(
        self, sid: str, packet: socketio_packet.Packet, *, too_large: bool
    ) -> Reply | asyncio.Task[Reply]:
        try:
            if too_large:
                raise PayloadTooLarge(f"A packet has at most {self._max_packet_bytes} bytes.")
            if packet.packet_type == socketio_packet.BINARY_EVENT:
                raise InvalidRequest.field("", "binary data is not taken")
            if not isinstance(packet.data, list) or not packet.data:
                raise InvalidRequest.field("", "an event is an array that starts with its name")
        except ConfabError as error:
            request_id = uuid.uuid4().hex
            log.info("socket event", extra={"requestId": request_id, "event": "unknown", "code": error.code})
            return Reply(refused(error, request_id))
        return await self._events.event(sid, packet.data[0], packet.data[1:])


def _refusal(error: ConfabError, request_id: str) -> socketio.exceptions.ConnectionRefusedError:
    return socketio.exceptions.ConnectionRefusedError(error.title, problem(error, request_id))
