"""A cache of user records in Firebase Auth, looked up by user and in batches."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import NamedTuple

from confab.aio import Batch, Batcher, up_to
from confab.domain.errors import Unavailable

ValidFrom = Mapping[str, float]
"""Since when a user's tokens are valid, in seconds since 1970; disabled and deleted users are absent."""

BATCH = 100
"""Users of one lookup; Firebase Auth takes no more."""
LOOKUPS_AT_ONCE = 4
MAX_WAITING = 2_000
"""Users in the queue."""
DEADLINE_S = 10.0
"""Seconds for a user's lookup, the time in the queue included. Callers may give up earlier."""
REMEMBERED = 10_000


class _Account(NamedTuple):
    valid_from: float
    """Tokens issued before are revoked; infinity if the user is disabled or deleted."""
    looked_up_at: float
    """When the lookup began, on the monotonic clock."""


class Accounts:
    """The users of a project, cached. Belongs to one event loop."""

    def __init__(self, look_up: Callable[[Collection[str]], Awaitable[ValidFrom]]) -> None:
        self._look_up = look_up
        self._cached: OrderedDict[str, _Account] = OrderedDict()
        self._lookups: dict[str, asyncio.Task[float]] = {}
        self._batcher = Batcher[str, float](
            self._send,
            bounds=up_to(BATCH, BATCH, lambda _: 1),
            unavailable=lambda: Unavailable("Too many users are waiting to be looked up."),
            deadline_s=DEADLINE_S,
            max_waiting=MAX_WAITING,
            in_flight=LOOKUPS_AT_ONCE,
        )

    async def valid_from(self, uid: str, *, max_age_s: float) -> float:
        """Since when tokens of this user are valid, in seconds since 1970; infinity if none is.

        Looks the user up, shared by concurrent callers, unless a lookup began in the last `max_age_s`
        seconds. Raises Unavailable if the queue is full, and what the lookup raises. A lookup whose
        callers give up goes on.
        """
        if self.age_s(uid) < max_age_s:
            return self._cached[uid].valid_from
        if uid not in self._lookups:
            self._lookups[uid] = asyncio.create_task(self._batcher.submit(uid))
            self._lookups[uid].add_done_callback(partial(self._end, uid))
        return await asyncio.shield(self._lookups[uid])

    def age_s(self, uid: str) -> float:
        """Seconds since the last lookup that succeeded began; infinity if none is remembered."""
        account = self._cached.get(uid)
        return math.inf if account is None else time.monotonic() - account.looked_up_at

    async def close(self) -> None:
        """Give up the lookups in flight."""
        await self._batcher.close(0)

    async def _send(self, batch: Batch[str, float]) -> None:
        began = time.monotonic()
        found = await self._look_up([pending.item for pending in batch])
        for pending in batch:
            account = _Account(found.get(pending.item, math.inf), began)
            self._cached[pending.item] = account
            self._cached.move_to_end(pending.item)
            pending.answer(account.valid_from)
        while len(self._cached) > REMEMBERED:
            self._cached.popitem(last=False)

    def _end(self, uid: str, lookup: asyncio.Task[float]) -> None:
        del self._lookups[uid]
        if not lookup.cancelled():
            lookup.exception()  # its callers may have given up: asyncio would report it as never retrieved
