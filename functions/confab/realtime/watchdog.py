"""Finds out a subscription that is alive but deaf, by listening for this instance's own voice.

The typing that an instance publishes in its cell comes back to it. When none has for a while, it
publishes a probe: `typing: false` in a conversation of its cell that does not exist, which every
other consumer ignores. A probe that the bus took and that does not come back means that the
subscription is deaf.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from confab.domain.cells import new_id
from confab.domain.errors import Unavailable
from confab.domain.events import Typing, TypingState
from confab.ports import Clock, Publisher, Subscription

log = logging.getLogger(__name__)

PROBE_S = 2.5
"""Seconds of silence after which a probe is sent, and within which it must come back."""


class Watchdog:
    """Restarts a deaf subscription, and then replaces it if that was not enough."""

    def __init__(
        self,
        subscription: Subscription,
        publisher: Publisher,
        *,
        instance: str,
        cell: str,
        clock: Clock,
        needed: Callable[[], bool],
    ) -> None:
        self._subscription = subscription
        self._publisher = publisher
        self._instance = instance
        self._room = f"probe-{new_id(cell)}"
        self._clock = clock
        self._needed = needed
        self._heard = asyncio.Event()
        self._deaf = 0
        self._asked_at: float | None = None  # since when it has been waiting for its own voice

    @property
    def hears(self) -> bool:
        """Whether the bus is known to bring what is published, as far as anybody needs it."""
        return self._subscription.connected and not self._deaf

    @property
    def overdue_s(self) -> float:
        """Seconds for which this instance has been waiting to hear itself, if it needs to. Any thread."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else time.monotonic() - asked_at

    def heard_itself(self) -> None:
        """An event of this instance has come back."""
        self._heard.set()
        self._deaf = 0
        self._asked_at = None

    async def watch(self) -> None:
        """Probe again and again while somebody needs the bus; until cancelled."""
        while True:
            self._heard.clear()
            await asyncio.sleep(PROBE_S)
            if not self._needed():
                self._asked_at = None
            elif not self._heard.is_set():
                self._asked_at = self._asked_at or time.monotonic()
                if self._subscription.connected:
                    await self._probe()

    async def _probe(self) -> None:
        try:
            await self._publisher.publish(self._event())
        except Unavailable:  # the bus is down, which its stream finds out
            return
        try:
            async with asyncio.timeout(PROBE_S):
                await self._heard.wait()
        except TimeoutError:
            self._deaf += 1
            log.warning("the bus subscription is deaf; it is started again", extra={"probes": self._deaf})
            self._subscription.restart(fresh=self._deaf > 1)

    def _event(self) -> Typing:
        state = TypingState(conversation_id=self._room, user_id=self._instance, typing=False)
        return Typing(conversation_id=self._room, data=state, origin=self._instance, at=self._clock.now())
