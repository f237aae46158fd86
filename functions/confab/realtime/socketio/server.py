"""The Socket.IO server of a process: its requests, and what its application sends.

- Events of a socket begin one after the other, and each is acknowledged, whatever it holds:
  unknown names, binary attachments, packets over the limit. None of these ends the connection.
- What must follow an acknowledgement (the first live entry of a room) follows it.
- An event for many sockets is encoded and framed once.
"""

import asyncio
import logging
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import hdrs, web

from confab.realtime.socketio import packets
from confab.realtime.socketio.api import Application, Sent, Settings
from confab.realtime.socketio.engine import Session
from confab.realtime.socketio.gate import BAD_REQUEST, PATH, Gate, Refused, allow, preflight
from confab.realtime.socketio.packets import Payload
from confab.realtime.socketio.polling import payload, polled, posted
from confab.realtime.socketio.registry import LINGER_S, Registry
from confab.realtime.socketio.socket import UNSENT_POLL_S, Socket
from confab.realtime.socketio.websocket import WebSocket
from confab.realtime.socketio.wire import framed

log = logging.getLogger(__name__)


class Server:
    """Serves Socket.IO at `/socket.io/`, and sends events to its sockets."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = Registry(settings)
        self._gate = Gate(settings, self.registry)

    def serve(self, application: Application) -> None:
        """Hand everything that sockets do to the application; call once, before the first connection."""
        self.registry.application = application

    def routes(self) -> list[web.RouteDef]:
        """The endpoint."""
        return [web.route("*", PATH, self._handle)]

    @property
    def sessions(self) -> Collection[Socket]:
        """Every session that is open here, admitted or not."""
        return tuple(self.registry.sessions.values())

    # What is sent

    def send_event(self, sids: Collection[str], event: str, data: Payload) -> Sent:
        """Send an event to these sockets, except to those with too much unsent; never waits.

        Those that are gone are left out.
        """
        gone, slow = 0, []
        packet = packets.event(event, data)
        frame, limit, admitted = framed(packet), self.settings.max_unsent_bytes, self.registry.admitted
        for sid in sids:
            socket = admitted.get(sid)
            if socket is None:
                gone += 1
                continue
            outlet = socket.outlet
            wire = outlet.wire  # most have one: this loop is what a delivery costs
            if not (outlet.offer(packet, limit) if wire is None else wire.offer(frame, limit)):
                slow.append(sid)
        return Sent(len(sids) - gone - len(slow), slow)

    def send(self, sid: str, event: str, data: Mapping[str, Any]) -> None:
        """Send an event to one socket, however much it has unsent: of these there are few."""
        if (socket := self.registry.admitted.get(sid)) is not None:
            socket.outlet.send(packets.event(event, data).decode())

    async def close_socket(self, sid: str) -> None:
        """Close a socket's connection after what is queued for it, within `LINGER_S`.

        The session is closed rather than the namespace, so that stock clients reconnect.
        """
        if (socket := self.registry.admitted.get(sid)) is None:
            return
        try:
            async with asyncio.timeout(LINGER_S):
                while socket.outlet.unsent:  # noqa: ASYNC110 - nothing signals each byte that is sent
                    await asyncio.sleep(UNSENT_POLL_S)
        except TimeoutError:
            log.info(
                "a socket did not take what was queued for it before it was closed",
                extra=self.registry.application.describe(sid),
            )
            socket.abort()
        else:
            socket.close(politely=True)

    # What is requested

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._gate.require_known_origin(request)
            response = (
                preflight(request) if request.method == hdrs.METH_OPTIONS else await self._answer(request)
            )
        except Refused as refused:
            self.registry.application.turned_away(refused.code)
            response = refused.response
        if not response.prepared:
            allow(request, response)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_OPTIONS:
            return preflight(request)
        websocket = self._gate.requires_websocket(request)
        if not request.query.get("sid"):
            return await self._open(request, websocket=websocket)
        socket = self._gate.session(request)
        if websocket:
            return await self._take_over(socket, request)
        if request.method == hdrs.METH_POST:
            if not await posted(socket, request):
                raise Refused.by(BAD_REQUEST)
            return web.Response(text="ok")
        text = await polled(socket, request)
        if text is None:
            raise Refused.by(BAD_REQUEST)
        return web.Response(text=text)

    async def _open(self, request: web.Request, *, websocket: bool) -> web.StreamResponse:
        """Begin a session."""
        address = self._gate.admit(request)
        session = Session(
            _new_id(), self.settings.heartbeat, asyncio.get_running_loop().time(), over_websocket=websocket
        )
        session.send(session.opening(self.settings.max_payload))
        socket = Socket(self.registry, session, _new_id(), address)
        if websocket:
            connection = WebSocket(request, max_bytes=self.settings.max_payload)
            if not await connection.accept():
                socket.close()
                return web.Response()
            await connection.serve(socket, self.registry.writer)
            return connection.response
        return web.Response(text=payload(session.take()))

    async def _take_over(self, socket: Socket, request: web.Request) -> web.StreamResponse:
        """Let a WebSocket take over from polling. One that may not is closed, and changes nothing."""
        connection = WebSocket(request, max_bytes=self.settings.max_payload)
        if not await connection.accept():
            return web.Response()
        if await connection.upgrade(socket):
            await connection.serve(socket, self.registry.writer)
        else:
            await connection.close()
        return connection.response


def _new_id() -> str:
    return secrets.token_urlsafe(15)
