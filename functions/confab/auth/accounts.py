"""A cache of user records in Firebase Auth, looked up by user and in batches."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import NamedTuple, Self

from firebase_admin.auth import UserRecord

from confab.aio import Batch, Batcher, up_to
from confab.domain.errors import Unavailable
from confab.domain.models import Principal


class Record(NamedTuple):
    """What Firebase Auth knows of a user. Times are in seconds since 1970."""

    valid_from: float
    """Tokens issued before are revoked; infinity if the user is disabled or deleted."""
    agent: bool | None = None
    """Whether the custom claims make it an agent; None if they say neither."""
    agent_until: float = 0.0
    """When they were found to say so no more, though they had; 0 if they were not."""

    @classmethod
    def of(cls, user: UserRecord) -> Self:
        """The record of a user who is not disabled."""
        claims = user.custom_claims or {}
        agent = claims["agent"] is True if "agent" in claims else None
        return cls(user.tokens_valid_after_timestamp / 1000, agent)

    def ends(self, caller: Principal) -> bool:
        """Whether the caller is revoked, or an agent by a claim that neither account nor custom token has."""
        issued_at = caller.issued_at.timestamp()
        if issued_at < self.valid_from or not caller.agent:
            return issued_at < self.valid_from
        if self.agent is None and caller.custom_token:
            return issued_at < self.agent_until
        return not self.agent


ENDED = Record(math.inf)
"""A user who is disabled or deleted."""
Records = Mapping[str, Record]
"""Users' records; those who are disabled or deleted are absent."""

BATCH = 100
"""Users of one lookup; Firebase Auth takes no more."""
LOOKUPS_AT_ONCE = 4
MAX_WAITING = 2_000
"""Users in the queue."""
DEADLINE_S = 10.0
"""Seconds for a user's lookup, the time in the queue included. Callers may give up earlier."""
REMEMBERED = 10_000


class _Account(NamedTuple):
    record: Record
    looked_up_at: float
    """When the lookup began, on the monotonic clock."""


class Accounts:
    """The users of a project, cached. Belongs to one event loop."""

    def __init__(self, look_up: Callable[[Collection[str]], Awaitable[Records]]) -> None:
        self._look_up = look_up
        self._cached: OrderedDict[str, _Account] = OrderedDict()
        self._lookups: dict[str, asyncio.Task[Record]] = {}
        self._batcher = Batcher[str, Record](
            self._send,
            bounds=up_to(BATCH, BATCH, lambda _: 1),
            unavailable=lambda: Unavailable("Too many users are waiting to be looked up."),
            deadline_s=DEADLINE_S,
            max_waiting=MAX_WAITING,
            in_flight=LOOKUPS_AT_ONCE,
        )

    async def record(self, uid: str, *, max_age_s: float) -> Record:
        """The record of this user.

        Looks the user up, shared by concurrent callers, unless a lookup began in the last `max_age_s`
        seconds. Raises Unavailable if the queue is full, and what the lookup raises. A lookup whose
        callers give up goes on.
        """
        if self.age_s(uid) < max_age_s:
            return self._cached[uid].record
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

    async def _send(self, batch: Batch[str, Record]) -> None:
        began = time.monotonic()
        found = await self._look_up([pending.item for pending in batch])
        for pending in batch:
            known = self._cached.get(pending.item)
            record = _following(known and known.record, found.get(pending.item, ENDED))
            self._cached[pending.item] = _Account(record, began)
            self._cached.move_to_end(pending.item)
            pending.answer(record)
        while len(self._cached) > REMEMBERED:
            self._cached.popitem(last=False)

    def _end(self, uid: str, lookup: asyncio.Task[Record]) -> None:
        del self._lookups[uid]
        if not lookup.cancelled():
            lookup.exception()  # its callers may have given up: asyncio would report it as never retrieved


def _following(earlier: Record | None, record: Record) -> Record:
    """The record, with the time of a claim that an earlier one had."""
    if earlier is None:
        return record
    return record._replace(agent_until=time.time() if earlier.agent else earlier.agent_until)
