"""The sending side of the bus where there are several cells."""

import asyncio
from collections.abc import Callable, Collection

from confab.domain.cells import MAIN, cell_of
from confab.domain.errors import Unavailable
from confab.domain.events import Event
from confab.ports import Publisher


class CellPublisher:
    """The port `Publisher`: an event goes to the cell of its conversation.

    Each cell has a publisher of its own, made with its name when it is first needed, so a topic
    that takes nothing holds up nobody but its own cell.
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
        """As the publisher of the conversation's cell."""
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
