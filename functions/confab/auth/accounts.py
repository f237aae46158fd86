"""What Firebase Auth says of users: whether they are there, and since when their tokens are good.

Looked up by user and not by token. However many ask for a user at the same time, one look-up
answers them all, and users who wait for a look-up are looked up together.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import partial
from typing import Any, NamedTuple

from confab.domain.errors import Unavailable

Found = Mapping[str, float]
"""Since when tokens are good, in seconds since 1970, by user; without those who are disabled or deleted."""
Lookup = asyncio.Task[Found]
Answer = asyncio.Future[float]

BATCH = 100
"""Users of one look-up; Firebase Auth takes no more."""
LOOKUPS_AT_ONCE = 4
MAX_WAITING = 2_000
"""Users who wait for a look-up to begin."""
REMEMBERED = 10_000


class _Account(NamedTuple):
    valid_from: float
    """Tokens that were issued before are revoked; infinity if the user is disabled or deleted."""
    looked_up_at: float
    """When the look-up began, on the monotonic clock."""


class Accounts:
    """The users of a project, as they were when they were last looked up. Belongs to one event loop."""

    def __init__(self, look_up: Callable[[Collection[str]], Coroutine[Any, Any, Found]]) -> None:
        self._look_up = look_up
        self._known: OrderedDict[str, _Account] = OrderedDict()
        self._waiting: dict[str, Answer] = {}
        self._asked: dict[str, Answer] = {}
        """Those who are being looked up."""
        self._lookups: set[Lookup] = set()

    async def valid_from(self, uid: str, *, max_age_s: float, within_s: float) -> float:
        """Since when tokens of this user are good, in seconds since 1970; infinity if none is.

        Looks the user up if nobody did in the last `max_age_s` seconds or is about to. Raises
        Unavailable if too many wait for that, TimeoutError after `within_s` seconds, and what the
        look-up raises.
        """
        account = self._known.get(uid)
        if account is not None and time.monotonic() - account.looked_up_at < max_age_s:
            return account.valid_from
        async with asyncio.timeout(within_s):
            return await asyncio.shield(self._answer(uid))

    def _answer(self, uid: str) -> Answer:
        answer = self._asked.get(uid) or self._waiting.get(uid)
        if answer is None:
            if len(self._waiting) >= MAX_WAITING:
                raise Unavailable("Too many users are waiting to be looked up.")
            loop = asyncio.get_running_loop()
            answer = self._waiting[uid] = loop.create_future()
            answer.add_done_callback(_retrieve)
            loop.call_soon(self._start)  # with those who ask in the same turn
        return answer

    def _start(self) -> None:
        """Look up those who wait, in as many batches as may be under way."""
        while self._waiting and len(self._lookups) < LOOKUPS_AT_ONCE:
            batch = {uid: self._waiting.pop(uid) for uid in list(self._waiting)[:BATCH]}
            self._asked |= batch
            lookup = asyncio.create_task(self._look_up(batch.keys()))
            self._lookups.add(lookup)
            lookup.add_done_callback(partial(self._end, batch, time.monotonic()))

    def _end(self, batch: Mapping[str, Answer], began: float, lookup: Lookup) -> None:
        self._lookups.discard(lookup)
        error = lookup.exception()
        for uid, answer in batch.items():
            del self._asked[uid]
            if error is not None:
                answer.set_exception(error)
            else:
                valid_from = lookup.result().get(uid, math.inf)
                self._remember(uid, _Account(valid_from, began))
                answer.set_result(valid_from)
        self._start()

    def _remember(self, uid: str, account: _Account) -> None:
        self._known[uid] = account
        self._known.move_to_end(uid)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _retrieve(answer: Answer) -> None:
    """Take note of an error, for whoever asked may be gone: asyncio would tell of it as a defect."""
    answer.exception()
