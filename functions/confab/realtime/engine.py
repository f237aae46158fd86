"""Engine.IO below Socket.IO: light sockets, whose unsent bytes are known and whose connections end.

The library keeps three tasks and a queue without a bound for every socket, and waits without an
end for a client that does not read. Here a WebSocket is written to directly (`wire.py`), a timer
keeps its heartbeat, and a closed socket's connection is gone a second later.
"""

import asyncio
from typing import Any

import engineio
from engineio.async_socket import AsyncSocket
from engineio.exceptions import EngineIOError, QueueEmpty
from engineio.packet import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE, Packet

from confab.realtime import packets, polling
from confab.realtime.polling import PollQueue
from confab.realtime.websocket import WebSocket
from confab.realtime.wire import Outbox, Wire

UPGRADE_S = 10.0
"""Seconds within which a WebSocket that is to take over a polling socket must have done so."""
STRANGER_BYTES = 16_384
"""Bytes of a packet, and of a polling request, of a client that is not admitted yet: a token has half."""
PACKETS_A_TURN = 50
"""Packets that are taken in from a socket before everybody else gets a turn."""


class Socket(AsyncSocket):
    """One client's connection, on either transport."""

    def __init__(self, server: "Engine", sid: str) -> None:
        super().__init__(server, sid)
        self.queue: PollQueue
        self.connected: bool
        self.turn = asyncio.Lock()
        self.wire: Wire | None = None
        self.admitted = False
        """Whether its token was verified."""
        self.connects = 0
        """How many handshakes it has attempted."""
        self.garbled = False
        """Whether a packet of this socket could not be read, which is logged once."""
        self._websocket: WebSocket | None = None
        self._candidate: WebSocket | None = None  # the one that is to take over
        self._posts = 0
        self._polling = False
        self._taken = 0
        self._closing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awaits_pong = False
        self._active = False

    @property
    def most_bytes(self) -> int:
        """The bytes that a packet may have."""
        most: int = self.server.max_packet_bytes if self.admitted else STRANGER_BYTES
        return most

    @property
    def unsent(self) -> int:
        """The bytes that wait for the client."""
        return self.queue.bytes if self.wire is None else self.wire.unsent

    def offer(self, packet: Packet, limit: int) -> bool:
        """Send a packet as `put` does, unless more than `limit` bytes would wait; whether it is."""
        if self.unsent + len(packets.frame(packet)) > limit:
            return False
        self.put(packet)
        return True

    def put(self, packet: Packet) -> None:
        """Send a packet after all earlier ones. Never waits."""
        if self.wire is None:
            self.queue.put(packet)
        else:
            self.wire.write(packets.frame(packet))

    async def send(self, pkt: Packet) -> None:
        """The library's way to say `put`."""
        self.put(pkt)

    async def poll(self) -> list[Packet]:
        """The packets for a polling request.

        Raises QueueEmpty if none came for too long, and EngineIOError, which ends the socket, while
        another poll waits: https://socket.io/docs/v4/engine-io-protocol/#http-long-polling.
        """
        if self._polling:
            raise EngineIOError("two polls at once")
        self._polling = True
        try:
            async with asyncio.timeout(self.server.ping_interval + self.server.ping_timeout):
                return await self.queue.wait()
        except TimeoutError:
            raise QueueEmpty from None
        finally:
            self._polling = False

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Take in what a request brings. Raises EngineIOError, which ends the socket, for too much of it."""
        self._posts += 1
        try:
            if self._posts > polling.MAX_POSTS:
                raise EngineIOError("too many requests at once")
            most_bytes = self.server.max_http_buffer_size if self.admitted else STRANGER_BYTES
            for packet in await polling.posted(environ["aiohttp.request"], most_bytes=most_bytes):
                await self.receive(packet)
        except EngineIOError:
            if self.sid in self.server.sockets:  # else nothing is left to refuse
                raise
        finally:
            self._posts -= 1

    async def receive(self, pkt: Packet) -> None:
        """Take in a packet from the client; one that clients do not send ends the socket.

        So does one that is too large, unless it may be an event, which is refused by its name.
        """
        self._taken += 1
        if self._taken % PACKETS_A_TURN == 0:
            await asyncio.sleep(0)
        if self._is_too_large(pkt):
            await self.close()
            self.end()
        elif pkt.packet_type == MESSAGE:
            await self.server.handlers["message"](self.sid, pkt.data)
        elif pkt.packet_type == PONG:
            self.schedule_ping()
        elif pkt.packet_type == CLOSE:
            await self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT)
        elif pkt.packet_type != UPGRADE:  # which changes nothing any more
            await self.close()
            self.end()

    def _is_too_large(self, packet: Packet) -> bool:
        if self.admitted and packet.packet_type == MESSAGE:
            return False
        return len(packet.data) > self.most_bytes or (
            isinstance(packet.data, str) and packets.size(packet.data) > self.most_bytes
        )

    def release(self) -> None:
        """Forget a socket that has ended, and end what is still connected: its poll, its WebSockets."""
        self.server.sockets.pop(self.sid, None)
        self.queue.end()
        if self._timer is not None:
            self._timer.cancel()
        if self.wire is not None:
            self.wire.abort()
        if self._candidate is not None:
            self._candidate.transport.abort()

    def end(self) -> None:
        """Close the connection with a closing handshake, after what is queued."""
        self.queue.end()
        if self._websocket is not None and self._closing is None:
            self._closing = asyncio.create_task(self._close_websocket(self._websocket))

    async def _close_websocket(self, websocket: WebSocket) -> None:
        await asyncio.sleep(0)  # after the outbox
        await websocket.close()

    # The heartbeat: https://socket.io/docs/v4/engine-io-protocol/#heartbeat

    def schedule_ping(self) -> None:
        """Send the next PING after the interval: the client is new, or has sent its PONG."""
        if self._timer is None or self._awaits_pong:
            self._awaits_pong = False
            self._set_timer(self.server.ping_interval, self._ping)

    def note_activity(self) -> None:
        """Any packet shows that the client is alive; its PONG may be queued after this one."""
        self._active = True

    def _ping(self) -> None:
        if not self.closing and not self.closed:
            self._awaits_pong, self._active = True, False
            self.put(Packet(PING))
            self._set_timer(self.server.ping_timeout, self._overdue)

    def _overdue(self) -> None:
        if self._active:
            self._active = False
            self._set_timer(self.server.ping_timeout, self._overdue)
        else:
            self._closing = asyncio.create_task(
                self.close(wait=False, reason=self.server.reason.PING_TIMEOUT)
            )

    def _set_timer(self, seconds: float, then: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:  # noqa: ARG002 - the library's signature
        """End the socket; `abort` says nothing to the client. The connection ends by `end` or `release`."""
        await super().close(wait=False, abort=abort, reason=reason)

    # The WebSocket

    async def _websocket_handler(self, websocket: WebSocket) -> None:
        """Serve a WebSocket, the first connection or an upgrade, until it ends."""
        if self.connected and not await self._upgrade(websocket):
            return
        self._websocket = websocket
        self.wire = Wire(websocket.transport, self.server.outbox)
        for packet in self.queue.take():
            self.put(packet)
        self.connected = self.upgraded = True
        while not self.closed:
            packet = await websocket.packet(most_bytes=self.most_bytes)
            if packet is None:
                break
            await self.receive(packet)
        await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
        await asyncio.sleep(0)  # the connection is closed after the outbox

    async def _upgrade(self, websocket: WebSocket) -> bool:
        """Whether the WebSocket takes over from polling, which goes on if it does not within UPGRADE_S."""
        if self.closed or self.upgraded or self._candidate is not None:
            return False
        self._candidate = websocket
        try:
            async with asyncio.timeout(UPGRADE_S):
                return await self._asks_to_take_over(websocket)
        except OSError:  # it took too long, or is gone
            return False
        finally:
            self._candidate, self.upgrading = None, False

    async def _asks_to_take_over(self, websocket: WebSocket) -> bool:
        """Probe, its answer, then UPGRADE: https://socket.io/docs/v4/engine-io-protocol/#upgrade."""
        probe = await websocket.packet(most_bytes=self.most_bytes)
        if probe is None or (probe.packet_type, probe.data) != (PING, "probe"):
            return False
        self.upgrading = True  # from now on polls get NOOP
        await websocket.send(Packet(PONG, "probe").encode())
        self.queue.put(Packet(NOOP))  # ends the poll that is waiting
        last = await websocket.packet(most_bytes=self.most_bytes)
        return last is not None and last.packet_type == UPGRADE and not self.closed


class Engine(engineio.AsyncServer):
    """The Engine.IO server."""

    def __init__(self, *, max_packet_bytes: int, **options: Any) -> None:
        super().__init__(**options, monitor_clients=False)
        self.max_packet_bytes = max_packet_bytes
        self.outbox = Outbox()
        self._async: dict[str, Any] = {**self._async, "websocket": WebSocket}

    def create_queue(self, *_: object, **__: object) -> PollQueue:
        """The queue of a new socket."""
        return PollQueue()

    def _get_socket(self, sid: str) -> Socket:
        """The socket, also while it lingers: the library meets a defect where it has just ended."""
        socket: Socket = self.sockets[sid]
        return socket

    async def _handle_connect(
        self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None
    ) -> object:
        """Take in a new client, on either transport: the library's way, with a socket of our own."""
        sid = self.generate_id()
        socket = self.sockets[sid] = Socket(self, sid)
        opening = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingInterval": int(self.ping_interval * 1000),
            "pingTimeout": int(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        socket.put(Packet(OPEN, opening))
        await self.handlers["connect"](sid, environ)
        socket.schedule_ping()
        if transport == "polling":
            socket.connected = True
            return self._ok(await socket.poll(), jsonp_index=jsonp_index)
        try:
            return await socket.handle_get_request(environ)
        finally:
            await socket.close(abort=True, reason=self.reason.TRANSPORT_ERROR)
            self.sockets.pop(sid, None)
