"""Reads that are batched: many wanted at once are one query, and equal ones are read once."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from confab.aio import Batch, Batcher, Fits, fan_out
from confab.domain.errors import Unavailable
from confab.store.connection import MAX_WAITING, NO_ANSWER, Aborted, Connection

BATCH_ROWS = 1_000
"""Rows that one answer may hold; a single read may have more."""

ANSWERED_A_TURN = 8
"""Answers that are given before other tasks get their turn: whoever has one renders a page of it."""

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class Reads(ABC, Generic[Key, Found]):
    """The reads of one kind of this process. One that comes later never gets what was read before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._batcher = Batcher[Key, Found](
            self._send,
            bounds=self._bounds,
            unavailable=lambda: Unavailable(NO_ANSWER),
            deadline_s=connection.timing.overall,
            max_waiting=MAX_WAITING,
        )

    @abstractmethod
    def rows(self, key: Key) -> int:
        """How many rows this may have, at most."""

    @abstractmethod
    async def fetch(self, keys: Sequence[Key]) -> Sequence[Found]:
        """What the store has for each of these, in one query."""

    async def read(self, key: Key) -> Found:
        """What the store has; raises Unavailable."""
        return await self._batcher.submit(key)

    def _bounds(self) -> Fits[Key]:
        keys: set[Key] = set()
        size = 0

        def fits(key: Key) -> bool:
            nonlocal size
            if key not in keys:
                keys.add(key)
                size += self.rows(key)
            return size <= BATCH_ROWS

        return fits

    async def _send(self, batch: Batch[Key, Found]) -> None:
        """Read all of it; what the server refuses to read fails alone."""
        try:
            await self._answer(batch)
        except Aborted:
            keys = {pending.item for pending in batch}
            if len(keys) == 1:
                raise
            for key in keys:
                await fan_out(self._answer, [pending for pending in batch if pending.item == key])

    async def _answer(self, batch: Batch[Key, Found]) -> None:
        keys = list(dict.fromkeys(pending.item for pending in batch))
        found = dict(zip(keys, await self.fetch(keys), strict=True))
        for count, pending in enumerate(batch, 1):
            pending.answer(found[pending.item])
            if count % ANSWERED_A_TURN == 0:
                await asyncio.sleep(0)
