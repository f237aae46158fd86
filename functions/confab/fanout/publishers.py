"""Publishers over publishers: one for each cell, and a circuit breaker."""

import asyncio
import logging
from collections.abc import Callable, Collection

from confab.domain.cells import MAIN, cell_of
from confab.domain.errors import Unavailable
from confab.domain.events import Event
from confab.ports.bus import Publisher

log = logging.getLogger(__name__)

WAIT_S = 0.5
"""The longest time, in seconds, that a caller waits for the bus."""
PAUSE_S = 5.0
"""Seconds for which a circuit stays open after a failure."""


class CellPublisher:
    """Implements `Publisher`: sends an event to the cell of its conversation, one about none to all.

    Each cell has a publisher of its own, made on first use, so a topic that accepts nothing delays
    no other cell.
    """

    def __init__(self, make: Callable[[str], Publisher], *, cells: Collection[str]) -> None:
        """`cells` are those besides `main`; `make` gets a cell's name."""
        self._make = make
        self._cells = cells
        self._publishers: dict[str, Publisher] = {}
        self._closed = False

    async def connect(self) -> None:
        await asyncio.gather(*(self._publisher(cell).connect() for cell in (MAIN, *self._cells)))

    async def publish(self, event: Event) -> None:
        if event.conversation_id is None:
            cells = (MAIN, *self._cells)
        else:
            cells = (cell_of(event.conversation_id, self._cells),)
        await asyncio.gather(*(self._publisher(cell).publish(event) for cell in cells))

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*(publisher.close() for publisher in self._publishers.values()))

    def _publisher(self, cell: str) -> Publisher:
        if cell not in self._publishers:
            if self._closed:
                raise Unavailable("The connection to the event bus is closed.")
            self._publishers[cell] = self._make(cell)
        return self._publishers[cell]


class CircuitBreaker:
    """Implements `Publisher` for callers that must not wait for a bus that is down.

    A publish that fails, or takes longer than WAIT_S, raises Unavailable and opens the circuit for
    PAUSE_S, in which every other fails at once.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._open_until = float("-inf")

    async def connect(self) -> None:
        await self._publisher.connect()

    async def publish(self, event: Event) -> None:
        now = asyncio.get_running_loop().time
        if now() < self._open_until:
            raise Unavailable("The event bus did not answer a moment ago.")
        try:
            async with asyncio.timeout(WAIT_S):
                await self._publisher.publish(event)
        except (Unavailable, TimeoutError):
            self._open_until = now() + PAUSE_S
            log.warning(
                "the bus did not take an event; no more are published for some seconds",
                extra={"conversationId": event.conversation_id, "seq": event.seq},
            )
            raise Unavailable("The event bus does not answer.") from None

    async def close(self) -> None:
        await self._publisher.close()
