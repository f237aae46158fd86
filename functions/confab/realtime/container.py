"""One realtime process: builds its parts, and starts, drains and stops them."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from typing import Any

from aiohttp import HttpVersion11, web

from confab.aio import end_all
from confab.domain.errors import Unavailable
from confab.domain.events import ConversationDeletedEvent, Typing, UserErasedEvent
from confab.fanout.announce import BackgroundAnnouncer
from confab.fanout.watchdog import Watchdog
from confab.log import write_left_out
from confab.ports.telemetry import Telemetry
from confab.realtime.answers import Protocol, rest, share_headers
from confab.realtime.application import SocketApplication
from confab.realtime.commands import Commands
from confab.realtime.health import Health
from confab.realtime.rooms import Rooms
from confab.realtime.sessions import Sessions
from confab.realtime.socketio.api import Settings
from confab.realtime.socketio.server import Server
from confab.realtime.typing import TypingIndicators
from confab.wiring import CLOSE_S, Adapters

log = logging.getLogger(__name__)

RECONNECT_SPREAD_MS = 2_000
"""Clients of a container that goes away reconnect spread over this time."""
RESTART_S = 1.0
"""Seconds before a background task that failed is restarted."""
IDLE_S = 4.0
"""Seconds within which a connection must have sent a whole request's head, the first one or the next."""
REFUSED_BODY_S = 2.0
"""Seconds for which the rest of a body that was refused is read, so that the client sees why."""
BACKLOG = 128
"""Connections that may wait to be accepted."""
REPORT_S = 10.0
"""Seconds between two looks for lines that were left out."""
RESUME_S = 30.0
"""Seconds between two looks for deletions and erasures that nobody goes on with."""
STRUCTURE = 4_096
"""Characters outside of the JSON strings of a request, beside its metadata, which may be spaced."""
DRAIN_S = 4.0
"""Seconds for closing the sockets when the container stops."""
FLUSH_S = 1.0
"""Seconds that the bus then gets for the events in flight."""


class Container:
    """The rooms of this process behind an aiohttp application."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters
        config = adapters.config
        self.server = Server(
            Settings(
                allowed_origins=config.allowed_origins,
                max_packet_bytes=config.max_body_bytes,
                max_structure=2 * config.max_metadata_bytes + STRUCTURE,
                max_unsent_bytes=config.slow_reader_bytes,
                max_backlog_bytes=config.unsent_bytes,
                sockets_per_address=config.sockets_per_address,
                waiting_sockets=config.waiting_sockets,
                trusted_proxies=config.trusted_proxies,
            )
        )
        self.rooms = Rooms(
            adapters.store,
            self.server,
            locate=adapters.views.locate,
            delivered=adapters.telemetry.delivered,
        )
        self.announcer = BackgroundAnnouncer(adapters.publisher, self.rooms, origin=adapters.instance)
        self._conversations = adapters.conversations_announced_by(self.announcer)
        self._typing = TypingIndicators(self.rooms, self.server, self.announcer.announce_typing)
        self.sessions = Sessions(self.rooms, self._typing, self.server, adapters, self._conversations.rates)
        self._watchdog = Watchdog(
            adapters.subscription,
            adapters.publisher,
            instance=adapters.instance,
            cell=config.cell,
            needed=lambda: len(self.rooms) > 0,
        )
        self._health = Health(
            adapters.store,
            adapters.verifier,
            bus_delivers=lambda: self._watchdog.delivering,
            origins=config.allowed_origins,
        )
        commands = Commands(self._conversations, self.rooms, self._typing, adapters)
        self.application = SocketApplication(commands, self.sessions, self.server, adapters)
        self.server.serve(self.application)
        self._count(adapters.telemetry)

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve from here to the end of the block, then drain; yields the port."""
        app = web.Application()
        routes = [*self._health.routes(), *self.server.routes(), *rest(self._health.routes())]
        for route in routes:
            route.kwargs["expect_handler"] = _go_on
        app.add_routes(routes)
        app.on_response_prepare.append(share_headers)
        runner = web.AppRunner(app, shutdown_timeout=1)
        background = [
            asyncio.create_task(_keep(self._consume)),
            asyncio.create_task(self.rooms.watch()),
            asyncio.create_task(_keep(self._watchdog.watch)),
            asyncio.create_task(_keep(self._health.report)),
            asyncio.create_task(_keep(self.sessions.watch)),
            asyncio.create_task(_keep(self._resume_erasures)),
            asyncio.create_task(_keep(_count_left_out_lines)),
        ]
        await runner.setup()
        doors = ExitStack()
        try:
            listening = doors.enter_context(closing(await _listen(runner, host, port)))
            yield listening.sockets[0].getsockname()[1]
        finally:
            await end_all({"sockets": self._drain()}, within_s=DRAIN_S)
            for task in background:
                task.cancel()
            ended = asyncio.gather(*background, return_exceptions=True)
            await end_all({"background": ended, "announcer": self.announcer.close()}, within_s=FLUSH_S)
            doors.close()
            await end_all(
                {"adapters": self._adapters.close(), "server": runner.cleanup()}, within_s=CLOSE_S + 0.5
            )

    def _count(self, telemetry: Telemetry) -> None:
        """Register the process's metrics."""
        telemetry.watch("confab.deliveries", lambda: self.rooms.counts.deliveries)
        telemetry.watch("confab.gaps.filled", lambda: self.rooms.gaps_filled)
        telemetry.watch("confab.sweeps", lambda: self.rooms.sweeps)
        telemetry.watch("confab.sockets", lambda: len(self.sessions.all()))
        telemetry.watch("confab.rooms", lambda: len(self.rooms))
        bus = self._adapters.subscription
        telemetry.watch("confab.bus.lag", lambda: max(bus.lag_s, self._watchdog.overdue_s))

    async def _consume(self) -> None:
        """Dispatch the bus's events, none of which is trusted, until the subscription is closed."""
        async for event in self._watchdog.events():
            try:
                if isinstance(event, Typing):
                    self._typing.receive(event)
                elif isinstance(event, UserErasedEvent):
                    self.rooms.sweep_soon()
                elif isinstance(event, ConversationDeletedEvent):
                    self.rooms.suspect(event.conversation_id)
                else:
                    self.rooms.advance_head(event.conversation_id, event.seq, event.at)
            except Exception:  # one event must not end the loop
                log.exception("an event of the bus could not be passed on", extra={"type": event.type})

    async def _resume_erasures(self) -> None:
        """Go on with deletions and erasures that a crash or a deadline has stopped; until cancelled."""
        while True:
            await asyncio.sleep(RESUME_S * random.uniform(0.5, 1.5))
            with suppress(Unavailable):
                await self._conversations.eraser.resume()

    async def _drain(self) -> None:
        """Admit no more sockets, and send every socket `going_away` and close it."""
        self._health.draining = True
        self.application.drain()
        sessions = self.sessions.all()
        for session in sessions:
            pause = random.randrange(RECONNECT_SPREAD_MS)
            self.server.send(session.sid, "going_away", {"reason": "shutdown", "reconnectAfterMs": pause})
        closing = {session.sid: self.server.close_socket(session.sid) for session in sessions}
        await end_all(closing, within_s=DRAIN_S)


async def _listen(runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
    """Accept connections, each with a protocol of ours: a site of aiohttp's would take its own."""
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None
    options: Mapping[str, Any] = {
        "access_log": None,
        "auto_decompress": False,  # a megabyte may unpack to a gigabyte
        "keepalive_timeout": IDLE_S,
        "lingering_time": REFUSED_BODY_S,
    }
    return await loop.create_server(
        lambda: Protocol(server, loop=loop, **options), host, port, backlog=BACKLOG
    )


async def _count_left_out_lines() -> None:
    """Write how many lines of a flood were left out, soon after it is over; until cancelled."""
    while True:
        await asyncio.sleep(REPORT_S)
        write_left_out()


async def _go_on(request: web.Request) -> None:
    """Let the client send its body, whatever it expects: aiohttp's refusal quotes that, text or not."""
    if request.version == HttpVersion11:
        with suppress(ConnectionError):
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # nothing of the response itself


async def _keep(work: Callable[[], Awaitable[None]]) -> None:
    """Restart what fails, until it ends by itself: nothing in the background dies unnoticed."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("work in the background failed; it begins again")
            await asyncio.sleep(RESTART_S)
        else:
            return
