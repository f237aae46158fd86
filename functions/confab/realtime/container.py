"""One realtime process: its parts put together, started, drained and stopped."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from confab.aio import end_all
from confab.domain.errors import TokenExpired, TokenRevoked
from confab.domain.events import Typing, TypingState
from confab.ports import Telemetry
from confab.realtime.broadcast import Broadcast
from confab.realtime.delivery import Rooms
from confab.realtime.events import SocketEvents
from confab.realtime.expiry import Expiry
from confab.realtime.health import Health
from confab.realtime.hints import Hints, listen
from confab.realtime.revocations import Revocations
from confab.realtime.sockets import Socket, Sockets
from confab.realtime.transport import Transport
from confab.realtime.typists import Typists
from confab.realtime.watchdog import Watchdog
from confab.wiring import CLOSE_S, Adapters

log = logging.getLogger(__name__)

RECONNECT_SPREAD_MS = 2_000
"""Clients of a container that goes away come back spread over this time."""
AGAIN_S = 1.0
"""Seconds before work in the background that failed begins again."""
IDLE_S = 4.0
"""Seconds within which a connection must have sent a whole request's head, the first one or the next."""
LINGER_S = 2.0
"""Seconds for which the rest of a body that was refused is read, so that the client sees why."""
DRAIN_S = 4.0
"""Seconds for which sockets may take their leave when the container stops."""
HINTS_S = 1.0
"""Seconds for which the bus may then take what is on its way to it."""


class Container:
    """The rooms of this process behind an aiohttp application."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters
        self.sockets = Sockets(adapters.config.max_sockets_per_user)
        self.transport = Transport(
            max_packet_bytes=adapters.config.max_body_bytes,
            max_unsent_bytes=adapters.config.slow_reader_bytes,
            allowed_origins=adapters.config.allowed_origins,
        )
        self._broadcast = Broadcast(self.transport, self.sockets)
        self.rooms = Rooms(adapters.store, self._broadcast, delivered=adapters.telemetry.delivered)
        self._typists = Typists(self._show_typing)
        self._hints = Hints(adapters.publisher, origin=adapters.instance)
        self._watchdog = Watchdog(
            adapters.subscription,
            adapters.publisher,
            instance=adapters.instance,
            cell=adapters.config.cell,
            clock=adapters.clock,
            needed=lambda: len(self.rooms) > 0,
        )
        self._health = Health(adapters, hears=lambda: self._watchdog.hears)
        self._revocations = Revocations(adapters.verifier, self.sockets, self._was_revoked)
        self.events = SocketEvents(
            adapters,
            sockets=self.sockets,
            rooms=self.rooms,
            typists=self._typists,
            hints=self._hints,
            broadcast=self._broadcast,
            expiry=Expiry(self._token_ran_out, clock_skew_s=adapters.config.clock_skew_s),
            revocations=self._revocations,
        )
        self.transport.serve(self.events)
        self._count(adapters.telemetry)

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve from here to the end of the block, then drain; yields the port."""
        app = web.Application()
        app.add_routes(self._health.routes())
        self.transport.attach(app)
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=1,
            auto_decompress=False,  # a megabyte may unpack to a gigabyte
            keepalive_timeout=IDLE_S,
            lingering_time=LINGER_S,
        )
        background = [
            asyncio.create_task(_keep(self._listen)),
            asyncio.create_task(self.rooms.sweep_for_ever()),
            asyncio.create_task(_keep(self._watchdog.watch)),
            asyncio.create_task(_keep(self._health.report)),
            asyncio.create_task(_keep(self._revocations.watch)),
        ]
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await end_all({"sockets": self._drain()}, within_s=DRAIN_S)
            for task in background:
                task.cancel()
            ended = asyncio.gather(*background, return_exceptions=True)
            await end_all({"background": ended, "hints": self._hints.close()}, within_s=HINTS_S)
            await end_all(
                {"adapters": self._adapters.close(), "server": runner.cleanup()}, within_s=CLOSE_S + 0.5
            )

    def _count(self, telemetry: Telemetry) -> None:
        """Have what the parts count read by whoever collects metrics."""
        telemetry.watch("confab.deliveries", lambda: self.rooms.deliveries)
        telemetry.watch("confab.holes.filled", lambda: self.rooms.holes_filled)
        telemetry.watch("confab.sweeps", lambda: self.rooms.sweeps)
        telemetry.watch("confab.sockets", lambda: len(self.sockets.all()))
        telemetry.watch("confab.rooms", lambda: len(self.rooms))
        telemetry.watch("confab.bus.lag", self._bus_lag_s)

    def _bus_lag_s(self) -> float:
        """How long the newest event was on the bus; while an own one is overdue, how long that is there."""
        return max(self._adapters.subscription.lag_s, self._watchdog.overdue_s)

    async def _listen(self) -> None:
        await listen(
            self._adapters.subscription,
            origin=self._adapters.instance,
            entry=self.rooms.hear_of,
            typing=self._heard_typing,
            echo=self._watchdog.heard_itself,
        )

    async def _drain(self) -> None:
        """Tell every socket to come back elsewhere, and close it; let nobody in any more."""
        self._health.draining = True
        self.events.drain()
        sockets = self.sockets.all()
        for socket in sockets:
            pause = random.randrange(RECONNECT_SPREAD_MS)
            self.transport.tell(socket.sid, "going_away", {"reason": "shutdown", "reconnectAfterMs": pause})
        closing = {socket.sid: self.transport.close_socket(socket.sid) for socket in sockets}
        await end_all(closing, within_s=DRAIN_S)

    async def _token_ran_out(self, sid: str) -> None:
        if (socket := self.sockets.get(sid)) is not None:
            await self._end(socket, TokenExpired)

    async def _was_revoked(self, socket: Socket) -> None:
        await self._end(socket, TokenRevoked)

    async def _end(self, socket: Socket, why: type[TokenExpired] | type[TokenRevoked]) -> None:
        if socket.ending is not None:  # for the other reason, a moment ago
            return
        self.events.end(socket, why)
        self.transport.tell(socket.sid, "auth_expired", {})
        await self.transport.close_socket(socket.sid)

    def _show_typing(self, state: TypingState) -> None:
        self._broadcast.typing(self.rooms.sids(state.conversation_id), state)

    def _heard_typing(self, event: Typing) -> None:
        if self.rooms.sids(event.conversation_id):
            self._typists.heard(event.data, event.origin)


async def _keep(work: Callable[[], Awaitable[None]]) -> None:
    """Begin again what fails, until it ends by itself: nothing in the background dies unnoticed."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("work in the background failed; it begins again")
            await asyncio.sleep(AGAIN_S)
        else:
            return
