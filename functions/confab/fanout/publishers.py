"""Publishers over publishers: one for each cell, and a circuit breaker."""

import asyncio
import logging
from collections.abc import Callable, Collection

from confab.domain.cells import MAIN, cell_of
from confab.domain.errors import Unavailable
from confab.domain.events import Event
from confab.ports import Publisher

log = logging.getLogger(__name__)

WAIT_S = 0.5
"""Seconds that a caller waits for the bus, at most."""
PAUSE_S = 5.0
"""Seconds for which a circuit stays open after a failure."""


class CellPublisher:
    """The port `Publisher` that sends an event to the cell of its conversation.

    Each cell has a publisher of its own, made with its name on first use, so a topic that takes
    nothing delays no other cell.
    """

    def __init__(self, make: Callable[[str], Publisher], *, cells: Collection[str]) -> None:
        """`cells` are those beside `main`."""
        self._make = make
        self._cells = cells
        self._publishers: dict[str, Publisher] = {}
        self._closed = False

    async def connect(self) -> None:
        """Begin to connect to the topics of all cells."""
        await asyncio.gather(*(self._publisher(cell).connect() for cell in (MAIN, *self._cells)))

    async def publish(self, event: Event) -> None:
        """Publish in the conversation's cell."""
        await self._publisher(cell_of(event.conversation_id, self._cells)).publish(event)

    async def close(self) -> None:
        """Close all publishers, at the same time."""
        self._closed = True
        await asyncio.gather(*(publisher.close() for publisher in self._publishers.values()))

    def _publisher(self, cell: str) -> Publisher:
        if cell not in self._publishers:
            if self._closed:
                raise Unavailable("The connection to the event bus is closed.")
            self._publishers[cell] = self._make(cell)
        return self._publishers[cell]


class CircuitBreaker:
    """The port `Publisher` whose callers do not wait for a bus that is down.

    A publish that fails, or takes longer than WAIT_S, opens the circuit for PAUSE_S: until then
    every other fails at once, without reaching the bus.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._closes_at = float("-inf")

    async def connect(self) -> None:
        """Begin to connect; a failure shows again in the next publish."""
        await self._publisher.connect()

    async def publish(self, event: Event) -> None:
        """Publish; raises Unavailable after WAIT_S, or at once while the circuit is open."""
        now = asyncio.get_running_loop().time
        if now() < self._closes_at:
            raise Unavailable("The event bus did not answer a moment ago.")
        try:
            async with asyncio.timeout(WAIT_S):
                await self._publisher.publish(event)
        except (Unavailable, TimeoutError):
            self._closes_at = now() + PAUSE_S
            log.warning(
                "the bus did not take an event; no more are published for some seconds",
                extra={"conversationId": event.conversation_id, "seq": event.seq},
            )
            raise Unavailable("The event bus does not answer.") from None

    async def close(self) -> None:
        """Close the publisher."""
        await self._publisher.close()
