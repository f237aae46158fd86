"""Reads that go to the store together when many are wanted at once; those who want the same share it."""

import asyncio
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from confab.store.connection import Aborted
from confab.store.gathering import Gathering, telling

GROUP_ROWS = 1_000
"""Rows that one answer may hold; a single read may have more."""

ANSWERED_A_TURN = 8
"""Answers that are handed out before everybody else gets a turn: whoever has one renders a page of it."""

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


@dataclass(eq=False, slots=True)
class Wanted(Generic[Key]):
    """What is to be read, and whoever waits for it."""

    key: Key
    outcome: "asyncio.Future[Any]"


class Reads(Gathering[Wanted[Key]], Generic[Key, Found]):
    """The reads of one kind of this process. One that comes later never gets what was read before."""

    @abstractmethod
    def rows(self, key: Key) -> int:
        """How many rows this may have, at most."""

    @abstractmethod
    async def fetch(self, keys: Sequence[Key]) -> Sequence[Found]:
        """What the store has for each of these, in one query."""

    async def read(self, key: Key) -> Found:
        """What the store has; raises Unavailable."""
        outcome: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        found: Found = await self.ask(Wanted(key, outcome))
        return found

    def next_group(self) -> list[Wanted[Key]]:
        """The next reads that fit into one answer, with everybody who wants one of them."""
        group: list[Wanted[Key]] = []
        keys: set[Key] = set()
        size = 0
        while self._waiting:
            wanted = self._waiting[0]
            if wanted.key not in keys:
                size += self.rows(wanted.key)
                if group and size > GROUP_ROWS:
                    break
                keys.add(wanted.key)
            self._waiting.popleft()
            if not wanted.outcome.done():  # else its caller gave up
                group.append(wanted)
        return group

    async def send(self, group: Sequence[Wanted[Key]]) -> None:
        """Read all of it; what the server refuses to read takes nothing else along."""
        try:
            await self._answer(group)
        except Aborted:
            keys = {wanted.key for wanted in group}
            if len(keys) == 1:
                raise
            for key in keys:
                alone = [wanted for wanted in group if wanted.key == key]
                with telling(alone):
                    await self._answer(alone)

    async def _answer(self, group: Sequence[Wanted[Key]]) -> None:
        keys = list(dict.fromkeys(wanted.key for wanted in group))
        found = dict(zip(keys, await self.fetch(keys), strict=True))
        for count, wanted in enumerate(group, 1):
            if not wanted.outcome.done():
                wanted.outcome.set_result(found[wanted.key])
            if count % ANSWERED_A_TURN == 0:
                await asyncio.sleep(0)
