"""One client's socket: what the state machines decide about it, done on the event loop."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web

from confab.realtime.socketio import packets
from confab.realtime.socketio.acknowledgement import Acknowledgement
from confab.realtime.socketio.connection import (
    STRANGER_BYTES,
    Connection,
    Event,
    Handshake,
    Left,
    Received,
    Reply,
)
from confab.realtime.socketio.engine import MESSAGE, Packet, Session, State
from confab.realtime.socketio.limits import TokenBucket
from confab.realtime.socketio.outlet import Outlet
from confab.realtime.socketio.packets import Malformed
from confab.realtime.socketio.registry import LINGER_S, STALLED_S, Registry
from confab.realtime.socketio.wire import Wire

log = logging.getLogger(__name__)

PACKETS_A_TURN = 2
"""Packets that are taken in from a socket before everybody else gets a turn."""
UNSENT_POLL_S = 0.05


class Socket:
    """A session, over polling or a WebSocket, and its client's connection to the namespace."""

    __slots__ = (
        "_bucket",
        "_closing",
        "_received",
        "_registry",
        "_timer",
        "_turn",
        "_websocket",
        "address",
        "connection",
        "outlet",
        "polled_by",
        "posts",
        "session",
        "sid",
    )

    def __init__(self, registry: Registry, session: Session, sid: str, address: str) -> None:
        """`sid` is the id that the application knows it by; that of the session is its client's secret."""
        self.session = session
        self.sid = sid
        self.address = address
        """Of its client, while it waits for admission."""
        settings, now = registry.settings, self._now()
        self.connection = Connection(
            settings.max_packet_bytes, settings.max_structure, settings.connect_s, now
        )
        self.outlet = Outlet(registry, session)
        self.posts = 0
        """Requests that bring packets at this moment."""
        self.polled_by: web.Request | None = None
        """The poll that waits."""
        self._registry = registry
        self._bucket = TokenBucket()
        self._turn = asyncio.Lock()
        self._websocket: web.WebSocketResponse | None = None
        self._received = 0
        self._closing: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = loop.call_at(self.connection.deadline, self._tick)
        registry.open(self)

    @property
    def max_payload(self) -> int:
        """The bytes of a request's body that its client may send."""
        return self._registry.settings.max_payload if self.connection.admitted else STRANGER_BYTES

    def end_if_left(self) -> None:
        """End the socket if a poll waits whose client went away: what was on its way may be lost."""
        if self.polled_by is not None and self.polled_by.transport is None:
            self.close()

    # What is received

    async def receive(self, packet: Packet, received: int) -> None:
        """Take in a packet of the client, for which it has sent so many bytes.

        Raises Malformed, and ends the socket, for what no client sends.
        """
        try:
            if isinstance(packet, str) and packet[:1] != MESSAGE and len(packet) > STRANGER_BYTES:
                raise Malformed("too large")
            message = self.session.receive(packet, self._now())
            self.settle()
            await self._take_turn(message, TokenBucket.tokens(received))
        except Malformed as malformed:
            if self.session.open:
                log.info(
                    "a packet broke the protocol", extra={"reason": str(malformed), **self._description()}
                )
            self.close()
            raise

    async def control(self, ping: bytes | None, received: int) -> None:
        """Answer a ping of the WebSocket itself, or none: either counts for the rate as a packet does."""
        await self._take_turn(None, TokenBucket.tokens(received))
        if ping is not None:
            self.outlet.pong(ping)

    async def _take_turn(self, message: Packet | None, tokens: int) -> None:
        """Handle one packet of a socket at a time, also where several requests bring them."""
        self._received += tokens
        if self._received >= PACKETS_A_TURN:
            self._received = 0
            await asyncio.sleep(0)
        async with self._turn:
            if not (await self._keeps_to_its_rate(tokens) and await self._reads_its_answers()):
                self.abort()
            elif message is not None and self.session.open:
                received = self.connection.receive(message, self._now())
                if received is not None:
                    await self._handle(received, tokens)

    async def _handle(self, received: Received, tokens: int) -> None:
        application = self._registry.application
        if isinstance(received, Event):
            refunds = received.name in self._registry.settings.unmetered
            ack = Acknowledgement(
                self.outlet, received.id, partial(self._bucket.give_back, tokens) if refunds else None
            )
            await application.event(self.sid, received.name, received.arguments, ack)
        elif isinstance(received, Handshake):
            await application.connect(self.sid, received.auth, self._accept, self._refuse)
            if not self.session.open:  # it has ended in the meantime
                application.disconnected(self.sid)
        elif isinstance(received, Reply):
            self.outlet.send(received.packet)
        elif isinstance(received, Left):
            self._registry.leave(self)
            self._schedule()
        else:
            application.reject(self.sid, received.error, Acknowledgement(self.outlet, received.id, None))

    def _accept(self) -> None:
        self.connection.accept()
        if self.session.open:
            self._registry.admit(self)
            self.outlet.send(packets.connected(self.sid))

    def _refuse(self, message: str, data: Mapping[str, Any]) -> None:
        self.connection.refuse(self._now())
        self.outlet.send(packets.connect_error(message, data))
        self._schedule()

    async def _keeps_to_its_rate(self, tokens: int) -> bool:
        """Wait for as long as the socket is faster than it may be. False if it floods."""
        wait = self._bucket.take(self._now(), tokens)
        if wait:
            await asyncio.sleep(wait)
        if self._bucket.floods(self._now()):
            log.info("a socket floods; it is closed", extra=self._description())
            return False
        return True

    async def _reads_its_answers(self) -> bool:
        """Wait while too much is unsent, and handle none of its packets meanwhile. False if it stalls."""
        stalled = 0.0
        while self.session.open and self._registry.holds_too_much(self.outlet):
            taken = self.outlet.taken
            await asyncio.sleep(UNSENT_POLL_S)
            moved = self.outlet.taken > taken
            stalled = 0.0 if moved else stalled + UNSENT_POLL_S
            if moved:
                self.session.note_activity()
            if stalled >= STALLED_S:
                log.info("a socket reads nothing; it is closed", extra=self._description())
                return False
        return True

    def _description(self) -> Mapping[str, object]:
        return self._registry.application.describe(self.sid)

    # Its WebSocket and its end

    def expect(self, websocket: web.WebSocketResponse | None) -> None:
        """Close the WebSocket that is to take over, too, if the socket ends meanwhile; None: it will not."""
        self._websocket = websocket

    def attach(self, websocket: web.WebSocketResponse, wire: Wire) -> None:
        """Be connected by a WebSocket from now on."""
        self._websocket = websocket
        self.outlet.attach(wire)

    def detach(self) -> None:
        """The WebSocket is gone, and the socket with it."""
        self._websocket = None
        self.close()

    async def closed(self) -> None:
        """Wait until the closing handshake of its WebSocket has ended."""
        if self._closing is not None:
            await self._closing

    def close(self, *, politely: bool = False) -> None:
        """End the socket; politely, its client gets what is queued for it first."""
        self.session.close(politely=politely)
        self.settle()

    def abort(self) -> None:
        """End the socket at once, and its connection with it."""
        self.outlet.abort()
        self.detach()

    def settle(self) -> None:
        """Send what the session has queued, and end with it: only what its client may still fetch is kept."""
        self.outlet.flush()
        if self.session.open or self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self.outlet.end()
        if self._websocket is not None:
            self._closing = asyncio.create_task(self._close_websocket(self._websocket))
        self._registry.release(self, linger=self.session.state is State.CLOSING and self.outlet.wire is None)

    async def _close_websocket(self, websocket: web.WebSocketResponse) -> None:
        await asyncio.sleep(0)  # after what is written in this turn of the event loop
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(LINGER_S):
                await websocket.close()
        self.outlet.abort()

    # Its deadlines

    def _schedule(self) -> None:
        """Call `_tick` at the next deadline of the session or of the handshake, while there is one."""
        if self._timer is None:
            return
        self._timer.cancel()
        deadline = min(self.session.deadline, self.connection.deadline)
        self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    def _tick(self) -> None:
        now = self._now()
        if now >= self.connection.deadline:
            self.close()
        elif now >= self.session.deadline and self.outlet.is_stuck():
            self.abort()
        else:
            self.session.tick(now)
            self.settle()
            self._schedule()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
