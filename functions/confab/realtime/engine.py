"""Engine.IO below Socket.IO, with what waits for a socket measured and connections that end.

The library queues without a bound and waits without an end for a client that does not read; here
the bytes of each queue are known, and a closed socket's connection is gone a second later.
"""

import asyncio
from typing import Any

import engineio
from aiohttp import StreamReader, web
from engineio.async_drivers import aiohttp as driver
from engineio.exceptions import EngineIOError
from engineio.packet import Packet
from engineio.payload import Payload

POST_S = 10.0
"""Seconds within which the body of a polling request must have arrived."""
LINGER_S = 1.0
"""Seconds for which a socket that was closed may take what is queued for it."""


class OutgoingQueue(asyncio.Queue[Packet | None]):
    """The packets that wait for a socket; None ends it."""

    bytes = 0
    """The UTF-8 bytes of all of them."""

    def _put(self, item: Packet | None) -> None:
        self.bytes += size(item)
        super()._put(item)

    def _get(self) -> Packet | None:
        item = super()._get()
        self.bytes -= size(item)
        return item


class WebSocket(driver.WebSocket):
    """The server's side of a WebSocket, uncompressed: deflate costs more here than it saves."""

    async def __call__(self, environ: dict[str, Any]) -> web.StreamResponse:
        """Serve it until it ends; its socket knows the connection meanwhile."""
        request: web.Request = environ["aiohttp.request"]
        socket = self.handler.__self__
        self.environ = environ
        self._sock = web.WebSocketResponse(max_msg_size=self.server.max_http_buffer_size, compress=False)
        try:
            await self._sock.prepare(request)
        except ConnectionError:  # the client went away before it was answered
            await socket.close(wait=False, abort=True)
            return web.Response()
        socket.connection = request.transport
        await self.handler(self)
        return self._sock


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
        super().__init__(**options)
        self._async: dict[str, Any] = {
            **self._async,
            "websocket": WebSocket,
            "translate_request": translate_request,
        }
        # The library's way to allow more than 16 packets a request; the bytes bound them.
        Payload.max_decode_packets = self.max_http_buffer_size

    def create_queue(self, *_: object, **__: object) -> OutgoingQueue:
        """The queue of a new socket."""
        return OutgoingQueue()


def size(packet: Packet | None) -> int:
    """The UTF-8 bytes of a text packet, counted once for all sockets that it is queued for."""
    if packet is None:
        return 0
    counted: int | None = getattr(packet, "counted", None)
    if counted is None:
        counted = packet.counted = len(packet.encode().encode())
    return counted


def release(socket: Any) -> None:
    """Let go of whoever is still connected to a socket that is over: its poll or its WebSocket."""
    socket.queue.put_nowait(None)
    connection: asyncio.Transport | None = getattr(socket, "connection", None)
    if connection is not None:
        connection.abort()


def release_later(socket: Any) -> None:
    """The same, once what is queued has had its time."""
    asyncio.get_running_loop().call_later(LINGER_S, release, socket)
