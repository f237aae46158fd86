"""What a client of a room was sent, in the order it came."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

DEADLINE_S = 15.0


class Received:
    """Remembers events, and waits for more."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self._news = asyncio.Event()

    def of(self, event: str) -> list[Any]:
        """The payloads of an event."""
        return [payload for name, payload in self.received if name == event]

    def seqs(self) -> list[int]:
        """The numbers of the entries."""
        return [payload["seq"] for name, payload in self.received if name in ("message", "finalized")]

    def remember(self, event: str, payload: Any) -> None:
        self.received.append((event, payload))
        self.wake()

    def wake(self) -> None:
        """Let those who wait look again."""
        self._news.set()

    async def until(self, condition: Callable[[Self], bool], *, within: float = DEADLINE_S) -> None:
        """Wait until a condition holds; fails after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while not condition(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within} s; received {self.received[-20:]}") from None
