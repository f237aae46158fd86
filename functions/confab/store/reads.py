"""Batches reads: concurrent reads of pages or ranges share a query, and equal ones a result.

A query ends early once it has read much, and what it has not reached waits in the queue again, behind the
others: a few conversations with long messages cannot make one so large that its deadline fails everybody
in it, and short ones do not wait until all of these are read.
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic_core import from_json

from confab.aio import Batch, Batcher, Fits, fan_out
from confab.domain.entries import entry_of
from confab.domain.errors import Unavailable
from confab.domain.models import LogPage, Page, Wire
from confab.ports.store import Excerpt
from confab.store import rows, statements
from confab.store.connection import MAX_WAITING, NO_ANSWER, Aborted, Connection

BATCH_ROWS = 1_000
"""Rows that one answer may hold; a single read may have more."""
ENOUGH_CHARS = 2**20
"""Characters of entries after which a query reads no further group."""
GROUP_CHARS = 2**19
"""The most that a group of several has; to begin one costs a copy of what the query has read."""
LONG_ROW = 40_000
"""Characters that a row is taken to have: about the most that the default limits allow."""
IN_FLIGHT = 4
"""Batches of one kind in flight: to a store 20 ms away, a page takes 25 ms with four, 40 with one."""
STAGGER_S = 0.005
"""Seconds between two of these. A nearby store answers sooner, and then waiting makes larger batches."""
ANSWERED_A_TURN = 8
"""Results handed out before other tasks run: each caller then renders a page."""
FEW = 16
"""Entries that are read one by one, by their ids; a scan of more costs less."""

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")
_Wanted = dict[str, Any]
"""A key as the statement reads it."""


class Reads(ABC, Generic[Key, Found]):
    """The reads of one kind in this process. A read never gets a result older than itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._batcher = Batcher[Key, Found](
            self._send,
            bounds=self._bounds,
            unavailable=lambda: Unavailable(NO_ANSWER),
            deadline_s=connection.timing.overall,
            max_waiting=MAX_WAITING,
            in_flight=IN_FLIGHT,
            stagger_s=STAGGER_S,
            ordered=False,
        )

    @abstractmethod
    def rows(self, key: Key) -> int:
        """The most rows that the key may have."""

    @abstractmethod
    async def fetch(self, wanted: Sequence[Sequence[Key]], deadline: float) -> Sequence[Found]:
        """What the store has for the first of these keys, at least for one; equal keys come together."""

    async def query(self, statement: str, wanted: Sequence[_Wanted], deadline: float) -> Sequence[Any]:
        """The answers to the first items, up to the group in which ENOUGH_CHARS are read."""
        groups: list[list[_Wanted]] = []
        size = GROUP_CHARS
        for one in wanted:
            most = min(one["most"], one["limit"] * LONG_ROW)
            size += most
            if size > GROUP_CHARS:
                groups.append([])
                size = most
            groups[-1].append(one)
        variables = {"wanted": json.dumps(groups), "enough": ENOUGH_CHARS, "few": FEW}
        found: Sequence[Any] = await self._connection.query(statement, variables, deadline=deadline)
        return found

    async def read(self, key: Key) -> Found:
        return await self._batcher.submit(key)

    def _bounds(self) -> Fits[Key]:
        keys: set[Key] = set()
        size = 0

        def fits(key: Key) -> bool:
            nonlocal size
            if key not in keys:
                if keys and size + self.rows(key) > BATCH_ROWS:
                    return False
                keys.add(key)
                size += self.rows(key)
            return True

        return fits

    async def _send(self, batch: Batch[Key, Found]) -> None:
        """Read the batch; keys that the server refuses fail alone."""
        try:
            await self._answer(batch)
        except Aborted:
            keys = {pending.item for pending in batch}
            if len(keys) == 1:
                raise
            for key in keys:
                await fan_out(self._answer, [pending for pending in batch if pending.item == key])

    async def _answer(self, batch: Batch[Key, Found]) -> None:
        wanted = defaultdict[Key, list[Key]](list)
        for pending in batch:
            wanted[pending.item].append(pending.item)
        deadline = max(pending.deadline for pending in batch)
        found = dict(zip(wanted, await self.fetch([*wanted.values()], deadline), strict=False))
        if len(found) < len(wanted):
            self._batcher.later(pending for pending in batch if pending.item not in found)
        for count, pending in enumerate((one for one in batch if one.item in found), 1):
            pending.answer(found[pending.item])
            if count % ANSWERED_A_TURN == 0:
                await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which page it is; readers of the same page share it."""

    conversation: str
    limit: int
    after: int | None
    before: int | None
    most: int
    """Characters of content and metadata that it may have."""
    reader: str = field(compare=False)


class Pages(Reads[PageKey, Page | None]):
    """Pages of logs, as `Store.page` promises; who shares a batch with a reader must still be checked."""

    def rows(self, key: PageKey) -> int:
        return key.limit

    async def fetch(self, wanted: Sequence[Sequence[PageKey]], deadline: float) -> Sequence[Page | None]:
        """Each page, None where there is no conversation that one of the readers may read."""
        asked = [asdict(keys[0]) | {"readers": [key.reader for key in keys]} for keys in wanted]
        found = await self.query(statements.PAGES, asked, deadline)
        return [
            page and _page(*page[:2], forward=keys[0].after is not None)
            for keys, page in zip(wanted, found, strict=False)
        ]


def _page(conversation: str, messages: str, *, forward: bool) -> Page:
    return Page(
        rows.conversation_of(from_json(conversation)),
        [rows.message_wire(row) for row in from_json(messages)],
        forward=forward,
    )


@dataclass(frozen=True, slots=True)
class LogKey:
    """Which part of a log it is; readers of the same part share it."""

    conversation: str
    after: int
    limit: int
    most: int = ENOUGH_CHARS
    """Characters of content and metadata that it may have."""
    reader: str | None = field(compare=False, default=None)
    """None for a process that distributes it to readers."""


class LogRows(NamedTuple):
    """Part of a log as the store has it, and the conversation at that moment."""

    conversation: rows.Row
    messages: Sequence[rows.Row]
    changes: Sequence[rows.Row]

    def entries(self, after: int, limit: int) -> list[Wire]:
        """As clients see them, ascending; the end of the log too if it is among the first `limit`."""
        found = rows.log_wire(*self)
        last = found[-1]["seq"] if found else after
        if "finalized_at" in self.conversation and last + 1 == self.conversation["seq"] <= after + limit:
            found.append(rows.finalized_wire(self.conversation))
        return found


class Logs(Reads[LogKey, LogRows | None]):
    """Parts of logs; who shares a batch with a reader must still be checked."""

    def rows(self, key: LogKey) -> int:
        """Bounded, since a part larger than a batch is read alone anyway."""
        return min(key.limit, BATCH_ROWS)

    async def fetch(self, wanted: Sequence[Sequence[LogKey]], deadline: float) -> Sequence[LogRows | None]:
        asked = [
            asdict(keys[0])
            | {"readers": None if any(key.reader is None for key in keys) else [key.reader for key in keys]}
            for keys in wanted
        ]
        found = await self.query(statements.LOG, asked, deadline)
        return [part and LogRows(*map(from_json, part[:3])) for part in found]

    async def page(self, key: LogKey) -> LogPage | None:
        """As `Store.log` promises."""
        found = await self.read(key)
        if found is None:
            return None
        conversation = rows.conversation_of(found.conversation)
        if key.reader not in conversation.participants:
            return None
        return LogPage(conversation, key.after, found.entries(key.after, key.limit))

    async def excerpt(self, key: LogKey) -> Excerpt | None:
        """As `Store.entries` promises."""
        found = await self.read(key)
        if found is None:
            return None
        conversation = rows.conversation_of(found.conversation)
        entries = [entry_of(wire) for wire in found.entries(key.after, key.limit)]
        return Excerpt(entries, frozenset(conversation.participants), conversation.erasures)
