"""Engine.IO below Socket.IO: light sockets, whose unsent bytes are known and whose connections end.

The library keeps three tasks and a queue without a bound for every socket, and waits without an
end for a client that does not read. Here a WebSocket is written to directly (`wire.py`), a timer
keeps its heartbeat, and a closed socket's connection is gone a second later.
"""

import asyncio
from typing import Any

import engineio
from aiohttp import StreamReader, web
from engineio.async_drivers import aiohttp as driver
from engineio.async_socket import AsyncSocket
from engineio.exceptions import EngineIOError, QueueEmpty
from engineio.packet import MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE, Packet
from engineio.payload import Payload

from confab.realtime.wire import Outbox, Wire, text_frame

POST_S = 10.0
"""Seconds within which the body of a polling request must have arrived."""
LINGER_S = 1.0
"""Seconds for which a socket that was closed may take what is queued for it."""


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
        self.bytes += len(frame(packet))
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


class Socket(AsyncSocket):
    """One client's connection, on either transport."""

    def __init__(self, server: "Engine", sid: str) -> None:
        super().__init__(server, sid)
        self.queue: PollQueue
        self.connected: bool
        self.turn = asyncio.Lock()
        self.wire: Wire | None = None
        self._websocket: WebSocket | None = None
        self._closing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awaits_pong = False
        self._heard = False

    @property
    def unsent(self) -> int:
        """The bytes that wait for the client."""
        return self.queue.bytes if self.wire is None else self.wire.unsent

    def offer(self, packet: Packet, limit: int) -> bool:
        """Send a packet as `put` does, unless more than `limit` bytes would wait; whether it is."""
        if self.unsent + len(frame(packet)) > limit:
            return False
        self.put(packet)
        return True

    def put(self, packet: Packet) -> None:
        """Send a packet behind all earlier ones. Never waits."""
        if self.wire is None:
            self.queue.put(packet)
        else:
            self.wire.write(frame(packet))

    async def send(self, pkt: Packet) -> None:
        """The library's way to say `put`."""
        self.put(pkt)

    async def poll(self) -> list[Packet]:
        """The packets for a polling request. Raises QueueEmpty if none came for too long."""
        try:
            async with asyncio.timeout(self.server.ping_interval + self.server.ping_timeout):
                packets: list[Packet] = await self.queue.wait()
                return packets
        except TimeoutError:
            raise QueueEmpty from None

    async def receive(self, pkt: Packet) -> None:
        """Take in a packet from the client."""
        if pkt.packet_type == MESSAGE:
            await self.server.handlers["message"](self.sid, pkt.data)
        else:
            await super().receive(pkt)

    def release(self) -> None:
        """Let go of a socket that is over, and of whoever is still connected: its poll or its WebSocket."""
        self.server.sockets.pop(self.sid, None)
        self.queue.end()
        if self._timer is not None:
            self._timer.cancel()
        if self.wire is not None:
            self.wire.abort()

    def end(self) -> None:
        """Close the connection politely, behind what is queued."""
        self.queue.end()
        if self._websocket is not None and self._closing is None:
            self._closing = asyncio.create_task(self._close_websocket(self._websocket))

    async def _close_websocket(self, websocket: "WebSocket") -> None:
        await asyncio.sleep(0)  # behind the outbox
        await websocket.close()

    # The heartbeat: https://socket.io/docs/v4/engine-io-protocol/#heartbeat

    def schedule_ping(self) -> None:
        """The client has answered, or is new: ask again after the interval."""
        if self._timer is None or self._awaits_pong:
            self._awaits_pong = False
            self._set_timer(self.server.ping_interval, self._ping)

    def heard(self) -> None:
        """What the client says shows that it is alive; its PONG may wait behind this."""
        self._heard = True

    def _ping(self) -> None:
        if not self.closing and not self.closed:
            self._awaits_pong, self._heard = True, False
            self.put(Packet(PING))
            self._set_timer(self.server.ping_timeout, self._overdue)

    def _overdue(self) -> None:
        if self._heard:
            self._heard = False
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

    async def _websocket_handler(self, websocket: "WebSocket") -> None:
        """Serve a WebSocket, the first connection or an upgrade, until it ends."""
        if self.connected and not await self._upgrade(websocket):
            return
        self._websocket = websocket
        self.wire = Wire(websocket.transport, self.server.outbox)
        for packet in self.queue.take():
            self.put(packet)
        self.connected = self.upgraded = True
        self.upgrading = False
        while (packet := await websocket.packet()) is not None:
            await self.receive(packet)
        await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)

    async def _upgrade(self, websocket: "WebSocket") -> bool:
        """Carry a polling socket over: probe, its answer, then UPGRADE. Polls get NOOP meanwhile."""
        self.upgrading = True
        try:
            probe = await websocket.packet()
            if probe is None or (probe.packet_type, probe.data) != (PING, "probe"):
                return False
            await websocket.send(Packet(PONG, "probe").encode())
            self.queue.put(Packet(NOOP))  # ends the poll that is waiting
            last = await websocket.packet()
            return last is not None and last.packet_type == UPGRADE and not self.closed
        finally:
            self.upgrading = False


class WebSocket(driver.WebSocket):
    """The server's side of a WebSocket, uncompressed: deflate costs more here than it saves."""

    transport: asyncio.Transport

    async def __call__(self, environ: dict[str, Any]) -> web.StreamResponse:
        """Serve it until it ends."""
        request: web.Request = environ["aiohttp.request"]
        self._sock = web.WebSocketResponse(
            timeout=LINGER_S, max_msg_size=self.server.max_http_buffer_size, compress=False
        )
        try:
            await self._sock.prepare(request)
        except ConnectionError:  # the client went away before it was answered
            return web.Response()
        if request.transport is not None:
            self.transport = request.transport
            await self.handler(self)
        return self._sock

    async def packet(self) -> Packet | None:
        """The next packet, or None at the end. What is no packet ends it too."""
        try:
            return Packet(encoded_packet=await self.wait())
        except (OSError, ValueError):
            await self._sock.close()
            return None


class Body:
    """The body of a polling request, read whole: the library would take what is there so far."""

    def __init__(self, content: StreamReader) -> None:
        self._content = content

    async def read(self, length: int) -> bytes:
        """That many bytes; raises EngineIOError, which refuses the request, if they do not come."""
        try:
            async with asyncio.timeout(POST_S):
                return await self._content.readexactly(length)
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            raise EngineIOError("the body did not arrive") from error


def translate_request(request: web.Request) -> dict[str, Any]:
    """The request as the library wants it."""
    environ: dict[str, Any] = driver.translate_request(request)
    return environ | {"wsgi.input": Body(request.content)}


class Engine(engineio.AsyncServer):
    """The Engine.IO server."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, monitor_clients=False)
        self.outbox = Outbox()
        self._async: dict[str, Any] = {
            **self._async,
            "websocket": WebSocket,
            "translate_request": translate_request,
        }
        # The library's way to allow more than 16 packets a request; the bytes bound them.
        Payload.max_decode_packets = self.max_http_buffer_size

    def create_queue(self, *_: object, **__: object) -> PollQueue:
        """The queue of a new socket."""
        return PollQueue()

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


def frame(packet: Packet) -> bytes:
    """The WebSocket frame of a text packet, built once for all sockets that it goes to."""
    built: bytes | None = getattr(packet, "frame", None)
    if built is None:
        built = packet.frame = text_frame(packet.encode().encode())
    return built
