"""This instance's side of the bus: publishes without waiting, and takes in what others publish."""

import asyncio
import logging
from collections.abc import Callable

from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, event_of
from confab.domain.models import Entry
from confab.ports import Publisher, Subscription

log = logging.getLogger(__name__)

MAX_PUBLISHING = 1_000
"""Events on their way to the bus; those beyond are not sent, and the rooms' sweep makes up for it."""


class Hints:
    """Tells the other instances, as soon as the bus takes it."""

    def __init__(self, publisher: Publisher, *, origin: str) -> None:
        self._publisher = publisher
        self._origin = origin
        self._publishing: set[asyncio.Task[None]] = set()

    def entry(self, entry: Entry) -> None:
        """Tell of a stored entry."""
        self.event(event_of(entry, origin=self._origin))

    def event(self, event: Event) -> None:
        """Tell of anything."""
        if len(self._publishing) >= MAX_PUBLISHING:
            log.warning("an event was not published: too many are waiting", extra={"type": event.type})
            return
        task = asyncio.create_task(self._publish(event))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish(self, event: Event) -> None:
        try:
            await self._publisher.publish(event)
        except Unavailable:
            log.warning("the bus did not take an event", extra={"type": event.type})

    async def close(self) -> None:
        """Wait for what is on its way; each publish ends by its own deadline."""
        await asyncio.gather(*self._publishing)


async def listen(
    subscription: Subscription,
    *,
    origin: str,
    entry: Callable[[Entry], None],
    typing: Callable[[Typing], None],
) -> None:
    """Pass on what other instances and functions publish; ends only by cancellation."""
    async for event in subscription.events():
        if event.origin == origin:
            continue
        if isinstance(event, Typing):
            typing(event)
        else:
            entry(event.data)
