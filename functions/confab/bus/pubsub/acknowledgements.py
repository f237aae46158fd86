"""Acknowledgements on their way to Pub/Sub, many in one request."""

import asyncio
from collections import deque

INTERVAL_SECONDS = 0.5
EARLY = 250
"""With so many they go before the interval ends, or flow control would hold up the stream."""
PER_REQUEST = 1_000
MAX_WAITING = 10_000
"""Beyond these the oldest are forgotten; their messages come again, which is allowed."""


class Acknowledgements:
    """Ack ids that wait to be sent."""

    def __init__(self) -> None:
        self._ids: deque[str] = deque(maxlen=MAX_WAITING)
        self._many = asyncio.Event()

    def add(self, ack_id: str) -> None:
        """Acknowledge this one soon."""
        self._ids.append(ack_id)
        if len(self._ids) >= EARLY:
            self._many.set()

    def take(self) -> list[str]:
        """Those to send in one request, the oldest first; they are no longer waiting."""
        taken = [self._ids.popleft() for _ in range(min(len(self._ids), PER_REQUEST))]
        if len(self._ids) < EARLY:
            self._many.clear()
        return taken

    async def due(self) -> None:
        """Return when it is time to send: after INTERVAL_SECONDS, or earlier if there are many."""
        try:
            async with asyncio.timeout(INTERVAL_SECONDS):
                await self._many.wait()
        except TimeoutError:
            return
