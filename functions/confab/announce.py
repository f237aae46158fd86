"""How a function tells the rooms of what it stored: over the bus."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Container
from datetime import UTC, datetime

from confab.domain.cells import cell_of
from confab.domain.errors import Unavailable
from confab.domain.events import event_of
from confab.domain.models import Entry
from confab.ports import Publisher

log = logging.getLogger(__name__)

WAIT_S = 0.5
"""Seconds that an answer waits for the bus, at most."""
PAUSE_S = 5.0
"""Seconds for which the topic of a cell that took nothing is left alone."""


class InlineAnnouncer:
    """Publishes each stored entry and waits a moment for the bus to take it.

    A function gets no processor time after it has answered, so it cannot publish later. The
    event is a hint: when the bus is down nobody waits for it, and the rooms find the entry in
    the store.
    """

    def __init__(self, publisher: Publisher, *, origin: str, cells: Container[str] = ()) -> None:
        """`cells` are those beside `main`."""
        self._publisher = publisher
        self._origin = origin
        self._cells = cells
        self._resume_at = defaultdict[str, float](lambda: float("-inf"))

    async def announce(self, entry: Entry) -> None:
        """Publish the entry's event; a bus that does not take it is logged, not raised."""
        committed_at = datetime.now(UTC)  # a moment ago
        now = asyncio.get_running_loop().time
        cell = cell_of(entry.conversation_id, self._cells)
        if now() < self._resume_at[cell]:
            return
        try:
            async with asyncio.timeout(WAIT_S):
                await self._publisher.publish(event_of(entry, origin=self._origin, at=committed_at))
        except (Unavailable, TimeoutError):
            self._resume_at[cell] = now() + PAUSE_S
            log.warning(
                "the bus did not take an event; no more are published for some seconds",
                extra={"conversationId": entry.conversation_id, "seq": entry.seq},
            )
