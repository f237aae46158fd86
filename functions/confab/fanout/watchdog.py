"""Detects a subscription that is connected but delivers nothing, by publishing to itself.

The typing that an instance publishes in its cell comes back to it. When none has for a while, it
publishes a probe: `typing: false` in a conversation of its cell that does not exist, which every
other consumer ignores. A probe that the bus took and that does not come back means that the
subscription is deaf.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

from confab.domain.cells import new_id
from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, TypingState
from confab.domain.models import current_time
from confab.ports.bus import Publisher, Subscription

log = logging.getLogger(__name__)

PROBE_S = 2.5
"""Seconds without an echo after which a probe is published, and within which it must come back."""


class Watchdog:
    """Restarts a deaf subscription, and then replaces it if that was not enough."""

    def __init__(
        self,
        subscription: Subscription,
        publisher: Publisher,
        *,
        instance: str,
        cell: str,
        needed: Callable[[], bool],
    ) -> None:
        self._subscription = subscription
        self._publisher = publisher
        self._instance = instance
        self._room = f"probe-{new_id(cell)}"
        self._needed = needed
        self._echo = asyncio.Event()
        self._lost_probes = 0
        self._waiting_since: float | None = None

    @property
    def delivering(self) -> bool:
        """Whether the subscription is connected and the last probe, if any, came back."""
        return self._subscription.connected and not self._lost_probes

    @property
    def overdue_s(self) -> float:
        """Seconds for which an echo has been overdue, 0 while none is needed. Safe for any thread."""
        since = self._waiting_since
        return 0.0 if since is None else time.monotonic() - since

    async def events(self) -> AsyncIterator[Event]:
        """The subscription's events; those of this instance only show that it delivers."""
        async for event in self._subscription.events():
            if event.origin != self._instance:
                yield event
                continue
            self._echo.set()
            self._lost_probes = 0
            self._waiting_since = None

    async def watch(self) -> None:
        """Probe every PROBE_S while the bus is needed and no echo shows that it delivers; until cancelled."""
        while True:
            self._echo.clear()
            await asyncio.sleep(PROBE_S)
            if not self._needed():
                self._waiting_since = None
            elif not self._echo.is_set():
                self._waiting_since = self._waiting_since or time.monotonic()
                if self._subscription.connected:
                    await self._probe()

    async def _probe(self) -> None:
        try:
            await self._publisher.publish(self._event())
        except Unavailable:  # the bus is down, which its stream detects
            return
        try:
            async with asyncio.timeout(PROBE_S):
                await self._echo.wait()
        except TimeoutError:
            self._lost_probes += 1
            log.warning(
                "the bus subscription is deaf; it is started again", extra={"probes": self._lost_probes}
            )
            self._subscription.restart(fresh=self._lost_probes > 1)

    def _event(self) -> Typing:
        state = TypingState(conversation_id=self._room, user_id=self._instance, typing=False)
        return Typing(conversation_id=self._room, data=state, origin=self._instance, at=current_time())
