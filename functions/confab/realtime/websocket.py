"""The server's side of a WebSocket, as Engine.IO asks for it."""

import asyncio
from typing import Any

from aiohttp import web
from engineio.async_drivers import aiohttp as driver
from engineio.packet import Packet

from confab.realtime import packets

LINGER_S = 1.0
"""Seconds for which a socket that was closed may take what is queued for it."""


class WebSocket(driver.WebSocket):
    """A WebSocket that is not compressed: deflate costs more here than it saves."""

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

    async def packet(self, *, most_bytes: int) -> Packet | None:
        """The next packet, or None at the end. What is no packet ends it too; see `packets.received`."""
        try:
            return packets.received(await self.wait(), most_bytes=most_bytes)
        except (OSError, ValueError):
            await self._sock.close()
            return None
