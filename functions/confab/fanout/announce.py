"""Announcers: hand a stored entry to the rooms of this process and to the bus."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from confab.aio import spawn
from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, TypingState, event_of
from confab.domain.models import Entry, current_time
from confab.ports import Publisher

log = logging.getLogger(__name__)

MAX_PUBLISHING = 1_000
"""Events in flight to the bus; further ones are dropped, and the rooms' sweep finds their entries."""
MAX_PUBLISHING_TYPING = 100
"""The bound for typing, which may be lost, so that entries have the rest."""
QUIET_S = 5.0
"""Seconds between two log lines about a bus that accepts nothing."""


class InlineAnnouncer:
    """Publishes each stored entry before the response, for functions.

    A function gets no CPU after it has responded, so it cannot publish later. Its publisher should
    give up early: the rooms find an entry whose event is lost in the store.
    """

    def __init__(self, publisher: Publisher, *, origin: str) -> None:
        self._publisher = publisher
        self._origin = origin

    async def announce(self, entry: Entry) -> None:
        """Publish the entry's event. A failure is not raised: the publisher has logged it."""
        committed_at = current_time()  # a moment ago
        with suppress(Unavailable):
            await self._publisher.publish(event_of(entry, origin=self._origin, at=committed_at))


class BackgroundAnnouncer:
    """Implements `Announcer` for a long-lived process: nobody waits for the bus."""

    def __init__(
        self, publisher: Publisher, deliver: Callable[[Entry, datetime], None], *, origin: str
    ) -> None:
        """`deliver` sends an entry, with the time of its commit, to the sockets of this process."""
        self._publisher = publisher
        self._deliver = deliver
        self._origin = origin
        self._publishing: set[asyncio.Task[None]] = set()
        self._lost = 0
        self._logged_at = float("-inf")

    async def announce(self, entry: Entry) -> None:
        committed_at = current_time()  # a moment ago
        self._deliver(entry, committed_at)
        self._begin(event_of(entry, origin=self._origin, at=committed_at), MAX_PUBLISHING)

    def announce_typing(self, state: TypingState) -> None:
        """Begin to publish that a user of this process starts or stops typing."""
        event = Typing(
            conversation_id=state.conversation_id, data=state, origin=self._origin, at=current_time()
        )
        self._begin(event, MAX_PUBLISHING_TYPING)

    async def close(self) -> None:
        """Wait for the events in flight; each publish ends by its own deadline."""
        await asyncio.gather(*self._publishing)

    def _begin(self, event: Event, most: int) -> None:
        if len(self._publishing) >= most:
            self._count_lost()
            return
        spawn(self._publish(event), self._publishing)

    async def _publish(self, event: Event) -> None:
        try:
            await self._publisher.publish(event)
        except Unavailable:
            self._count_lost()

    def _count_lost(self) -> None:
        self._lost += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= QUIET_S:
            log.warning("the bus does not take events", extra={"lost": self._lost})
            self._lost, self._logged_at = 0, now
