"""How a function tells the rooms of what it stored: over the bus."""

import logging

from confab.domain.errors import Unavailable
from confab.domain.events import event_of
from confab.domain.models import Entry
from confab.ports import Publisher

log = logging.getLogger(__name__)


class BusAnnouncer:
    """Publishes each stored entry and waits until the bus has taken it, or has not in time.

    A function gets no processor time after it has answered, so it cannot publish later. The
    event is a hint: when the bus is down the rooms find the entry in the store.
    """

    def __init__(self, publisher: Publisher, *, origin: str) -> None:
        self._publisher = publisher
        self._origin = origin

    async def announce(self, entry: Entry) -> None:
        """Publish the entry's event; a bus that does not take it is logged, not raised."""
        try:
            await self._publisher.publish(event_of(entry, origin=self._origin))
        except Unavailable:
            log.warning(
                "the bus did not take an event",
                extra={"conversationId": entry.conversation_id, "seq": entry.seq},
            )
