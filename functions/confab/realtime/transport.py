"""python-socketio, held to what Confab promises.

Everything that uses the libraries' internals is here and in `engine.py`, `polling.py` and
`websocket.py` (Engine.IO), `packets.py` (the encoding) and `wire.py` (the connection).

- Events of a socket begin one after the other, and each is acknowledged, whatever it holds:
  unknown names, binary attachments, packets over the limit. None ends the connection.
- What must follow an acknowledgement (the first live entry of a room) follows it.
- An event for many sockets is encoded and framed once.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import socketio
from socketio import packet as socketio_packet

from confab.domain.errors import ConfabError, InvalidRequest, PayloadTooLarge
from confab.realtime import engine, packets
from confab.realtime.packets import Payload
from confab.realtime.websocket import LINGER_S

log = logging.getLogger(__name__)

HARD_LIMIT_FACTOR = 4
"""A packet this many times over the limit is not read: the connection or the poll is ended."""
MAX_CONNECTS = 3
"""Handshakes that a connection may attempt: a refused one may try another token."""
EVENTS = frozenset({socketio_packet.EVENT, socketio_packet.BINARY_EVENT})
ENDINGS = frozenset({socketio_packet.DISCONNECT, socketio_packet.CONNECT})
"""The packets that end an admitted connection: a disconnect, and another handshake."""
UNSENT_POLL_S = 0.05
STALLED_S = 10.0
"""Seconds for which a socket with too much unsent may take nothing before it is closed."""
CONNECT_S = 10.0
"""Seconds within which a connection must attempt a handshake, and another one after a refusal."""


Ack = Callable[[Mapping[str, Any]], None]
"""Acknowledges an event, once; a client that asked for no acknowledgement gets none."""
Accept = Callable[[], None]
"""Answers a handshake: the socket is admitted, and may be sent events."""
Refuse = Callable[[str, Mapping[str, Any]], None]
"""Answers a handshake with a `connect_error` that has this message and data."""


class Sent(NamedTuple):
    """The result of sending an event to many sockets."""

    taken: int
    """How many sockets were sent it."""
    slow: Sequence[str]
    """The slow readers, which were not sent it."""


class Application(Protocol):
    """Handles what the sockets of a transport do. Nothing here raises."""

    async def connect(self, sid: str, auth: object, accept: Accept, refuse: Refuse) -> None:
        """Answer a handshake with one of the two; the socket's events wait until this returns."""
        ...

    async def event(self, sid: str, name: object, arguments: Sequence[object], ack: Ack) -> None:
        """Handle an event, and acknowledge it now or later; once this returns, the next one may begin."""
        ...

    def reject(self, error: ConfabError, ack: Ack) -> None:
        """Refuse an event that could not be read."""
        ...

    def disconnected(self, sid: str) -> None:
        """Forget a socket."""
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
        self._application: Application
        self._sockets: dict[str, engine.Socket] = {}  # the admitted ones, by Socket.IO's id

    def serve(self, application: Application) -> None:
        """Hand everything that sockets do to the application; call once, before the first connection."""
        self._application = application
        self.on("disconnect", lambda sid, _reason: application.disconnected(sid))

    def has_session(self, sid: str) -> bool:
        """Whether Engine.IO has opened this session here, and not ended it."""
        return sid in self.eio.sockets

    def send_event(self, sids: Collection[str], event: str, data: Payload) -> Sent:
        """Send an event to these sockets, except to those with too much unsent; never waits.

        Those that are gone are left out.
        """
        gone, slow = 0, []
        packet = packets.event(event, data)
        frame, limit, sockets = packets.frame(packet), self._max_unsent_bytes, self._sockets
        for sid in sids:
            socket = sockets.get(sid)
            if socket is None or socket.closed:
                gone += 1
                continue
            wire = socket.wire  # most have one: this loop is what a delivery costs
            if not (socket.offer(packet, limit) if wire is None else wire.offer(frame, limit)):
                slow.append(sid)
        return Sent(len(sids) - gone - len(slow), slow)

    def send(self, sid: str, event: str, data: Mapping[str, Any]) -> None:
        """Send an event to one socket, however much it has unsent: of these there are few."""
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
                while socket.unsent:  # noqa: ASYNC110 - nothing signals each byte that is sent
                    await asyncio.sleep(UNSENT_POLL_S)
                await socket.close()
        except TimeoutError:
            log.info("a socket did not take what was queued for it before it was closed")
            await self._end(socket)
        else:
            socket.end()

    async def _end(self, socket: engine.Socket) -> None:
        """Close a socket's connection at once, and send nothing."""
        await socket.close(abort=True)
        socket.end()
        self.eio.sockets.pop(socket.sid, None)

    def _open_socket(self, sid: str) -> engine.Socket | None:
        socket = self._sockets.get(sid)
        return None if socket is None or socket.closed else socket

    def _engineio_server_class(self) -> type[engine.Engine]:
        return engine.Engine

    async def _handle_eio_connect(self, eio_sid: str, _environ: object) -> None:
        await super()._handle_eio_connect(eio_sid, {})  # the request is not needed any more
        self._require_admission(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, "/")
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._sockets.pop(sid, None)
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            asyncio.get_running_loop().call_later(LINGER_S, socket.release)

    def _require_admission(self, eio_sid: str) -> None:
        """End a connection that is not admitted within CONNECT_S."""
        asyncio.get_running_loop().call_later(CONNECT_S, self._close_unless_admitted, eio_sid)

    def _close_unless_admitted(self, eio_sid: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closed or socket.admitted:
            return
        if self.manager.sid_from_eio_sid(eio_sid, "/") is None:
            self.start_background_task(self._end, socket)
        else:  # a handshake is in flight; if it is refused, it may try again
            self._require_admission(eio_sid)

    async def _handshake(self, socket: engine.Socket, packet: socketio_packet.Packet) -> None:
        if packet.namespace not in (None, "/"):
            await self._handle_connect(socket.sid, packet.namespace, packet.data)  # which refuses it
            return
        sid = await self.manager.pre_connect(socket.sid, "/")
        await self._application.connect(
            sid, packet.data, partial(self._accept, socket, sid), partial(self._refuse, socket)
        )
        if not socket.admitted:
            await self.manager.disconnect(sid, "/", ignore_queue=True)
            return
        await self.manager.connect(sid, "/")
        if socket.closed:  # it ended in the meantime
            await self._handle_disconnect(socket.sid, "/")

    def _accept(self, socket: engine.Socket, sid: str) -> None:
        socket.admitted = True
        if not socket.closed:
            self._sockets[sid] = socket
            socket.put(packets.connected(sid))

    def _refuse(self, socket: engine.Socket, message: str, data: Mapping[str, Any]) -> None:
        if not socket.closed:
            socket.put(packets.connect_error(message, data))

    async def _handle_eio_message(self, eio_sid: str, data: object) -> None:
        """Take one packet of a socket at a time, also where several requests bring them."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closed or not isinstance(data, str):
            return  # bytes are the attachments of an event that was refused
        socket.note_activity()
        async with socket.turn:
            if socket.closed:  # while the packet was in the queue
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
            await self._handshake(socket, packet)
        elif not socket.admitted or too_large or kind in ENDINGS:
            await self._end(socket)
        elif kind is None:
            if not socket.garbled:
                log.info("a packet could not be read")
            socket.garbled = True

    def _may_connect(self, socket: engine.Socket, packet: socketio_packet.Packet) -> bool:
        """Whether a connection may attempt a handshake: MAX_CONNECTS times, and not once it is admitted."""
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
        ack = Acknowledgement(socket, packet.id)
        try:
            self._require_readable(packet, too_large=too_large)
        except ConfabError as error:
            self._application.reject(error, ack)
        else:
            await self._application.event(sid, packet.data[0], packet.data[1:], ack)

    def _require_readable(self, packet: socketio_packet.Packet, *, too_large: bool) -> None:
        """Raises PayloadTooLarge or InvalidRequest for an event that the application cannot handle."""
        if too_large:
            raise PayloadTooLarge(f"A packet has at most {self._max_packet_bytes} bytes.")
        if packet.packet_type == socketio_packet.BINARY_EVENT:
            raise InvalidRequest.field("", "binary data is not taken")
        if not isinstance(packet.data, list) or not packet.data:
            raise InvalidRequest.field("", "an event is an array that starts with its name")

    async def _reads_its_answers(self, socket: engine.Socket) -> bool:
        """Wait while too much is unsent, and handle none of its packets meanwhile. False if it stalls."""
        stalled = 0.0
        while (unsent := socket.unsent) > self._max_unsent_bytes and not socket.closed:
            await asyncio.sleep(UNSENT_POLL_S)
            moved = socket.unsent < unsent
            stalled = 0.0 if moved else stalled + UNSENT_POLL_S
            if moved:
                socket.note_activity()
            if stalled >= STALLED_S:
                return False
        return True


class Acknowledgement:
    """Acknowledges one event of a client, once."""

    __slots__ = ("_packet_id", "_socket")

    def __init__(self, socket: engine.Socket, packet_id: int | None) -> None:
        self._socket = socket
        self._packet_id = packet_id

    def __call__(self, data: Mapping[str, Any]) -> None:
        """Send it, if the client asked for one and is still there."""
        packet_id, self._packet_id = self._packet_id, None
        if packet_id is not None and not self._socket.closed:
            self._socket.put(packets.acknowledgement(packet_id, data))
