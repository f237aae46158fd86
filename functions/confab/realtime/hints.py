"""This instance's side of the bus: publishes without waiting, and takes in what others publish."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, event_of
from confab.domain.models import Entry
from confab.ports import Publisher, Subscription

log = logging.getLogger(__name__)

MAX_PUBLISHING = 1_000
"""Events on their way to the bus; those beyond are not sent, and the rooms' sweep makes up for it."""
MAX_PUBLISHING_TYPING = 100
"""Typing may be lost, so it leaves the rest of the places to entries."""
QUIET_S = 5.0
"""Seconds for which a bus that takes nothing is not told of again."""


class Hints:
    """Tells the other instances, as soon as the bus takes it."""

    def __init__(self, publisher: Publisher, *, origin: str) -> None:
        self._publisher = publisher
        self._origin = origin
        self._publishing: set[asyncio.Task[None]] = set()
        self._lost = 0
        self._told_at = float("-inf")

    def entry(self, entry: Entry, committed_at: datetime) -> None:
        """Tell of a stored entry."""
        self.event(event_of(entry, origin=self._origin, at=committed_at))

    def event(self, event: Event) -> None:
        """Tell of anything."""
        most = MAX_PUBLISHING_TYPING if isinstance(event, Typing) else MAX_PUBLISHING
        if len(self._publishing) >= most:
            self._count_lost()
            return
        task = asyncio.create_task(self._publish(event))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish(self, event: Event) -> None:
        try:
            await self._publisher.publish(event)
        except Unavailable:
            self._count_lost()

    def _count_lost(self) -> None:
        self._lost += 1
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= QUIET_S:
            log.warning("the bus does not take events", extra={"lost": self._lost})
            self._lost, self._told_at = 0, now

    async def close(self) -> None:
        """Wait for what is on its way; each publish ends by its own deadline."""
        await asyncio.gather(*self._publishing)


async def listen(
    subscription: Subscription,
    *,
    origin: str,
    entry: Callable[[str, int, datetime], None],
    typing: Callable[[Typing], None],
    echo: Callable[[], None],
) -> None:
    """Pass on what other instances and functions publish, until the subscription is closed.

    `entry` is called with the conversation and the number of an entry and the time of its commit, as
    the bus has them, which is not to be believed.
    `echo` is called for what this instance has published itself.
    """
    async for event in subscription.events():
        try:
            if event.origin == origin:
                echo()
            elif isinstance(event, Typing):
                typing(event)
            else:
                entry(event.conversation_id, event.seq, event.at)
        except Exception:  # one event must not end the listening
            log.exception("an event of the bus could not be passed on", extra={"type": event.type})
