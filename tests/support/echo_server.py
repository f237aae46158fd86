"""A Socket.IO server whose application echoes, for the tests of what the protocols say.

Where ECHO_SERVERS names two servers' addresses, one that is calm and one that pings often, they are
tested instead: so the tests are checked against Node's Socket.IO.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from confab.aio import spawn
from confab.domain.errors import ERRORS, ConfabError
from confab.realtime.socketio.api import Accept, Ack, Refuse, Settings
from confab.realtime.socketio.engine import Heartbeat
from confab.realtime.socketio.server import Server

PING = Heartbeat(25.0, 20.0)
BRISK_PING = Heartbeat(0.3, 0.5)
SETTINGS = Settings(
    allowed_origins=(), max_packet_bytes=250_000, max_unsent_bytes=4_000_000, max_backlog_bytes=40_000_000
)
CONNECT_S = 0.5
BINARY = b"\x01\x02\xff"


class Echo:
    """Implements `Application`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._auth: dict[str, object] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def connect(self, sid: str, auth: object, accept: Accept, refuse: Refuse) -> None:
        if isinstance(auth, dict) and "refuse" in auth:
            refuse("no", {"code": "no"})
        else:
            self._auth[sid] = auth or {}
            accept()

    async def event(self, sid: str, name: object, arguments: Sequence[object], ack: Ack) -> None:
        if name == "echo":
            ack({"echo": arguments})
        elif name == "auth":
            ack({"auth": self._auth[sid]})
        elif name == "emit":
            self._server.send(sid, "emitted", {"echo": arguments})
        elif name == "binary":
            (socket,) = [each for each in self._server.sessions if each.sid == sid]
            socket.session.send(BINARY)
            socket.outlet.flush()
        elif name == "close":
            spawn(self._server.close_socket(sid), self._closing)

    def reject(self, sid: str, error: ConfabError, ack: Ack) -> None:
        ack({"error": error.code, **self.describe(sid)})

    def turned_away(self, code: str) -> None:
        assert code in ERRORS

    def describe(self, sid: str) -> Mapping[str, object]:  # noqa: ARG002 - the server's
        return {}

    def resync(self, sid: str) -> None:
        raise AssertionError(f"{sid} reads what is echoed at once")

    def disconnected(self, sid: str) -> None:
        self._auth.pop(sid, None)


@asynccontextmanager
async def echo_server(heartbeat: Heartbeat = PING) -> AsyncIterator[str]:
    """The address of a server with this heartbeat.

    - `echo` is acknowledged with its arguments, and `auth` with the payload of the CONNECT packet.
    - `emit` is answered by an event `emitted`, `binary` by a binary message of Engine.IO, and `close` by
      a closed session.
    - A CONNECT packet whose payload has `refuse` is refused.
    """
    if others := os.environ.get("ECHO_SERVERS"):
        yield others.split()[heartbeat == BRISK_PING]
        return
    server = Server(replace(SETTINGS, heartbeat=heartbeat, connect_s=CONNECT_S))
    server.serve(Echo(server))
    application = web.Application()
    application.add_routes(server.routes())
    runner = web.AppRunner(application, shutdown_timeout=0, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
