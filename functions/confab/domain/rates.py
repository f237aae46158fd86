"""Rate limits: exact, in bounded memory, and refused before anything is asked of the store."""

import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from confab.domain.errors import RateLimited
from confab.domain.limits import Limits
from confab.domain.models import Principal

WINDOW_S = 10
"""Seconds of every window that the names of limits call `PER_10S`."""
TYPING_S = 5
"""Seconds of the window of `typing_per_5s`."""
MOST_REMEMBERED = 10_000
"""Keys of one rate that are remembered at a time."""


class Rate:
    """Allows each key at most `most` times in any window of `seconds`; 0 is no limit.

    The window slides: a time is free again as soon as the earliest of the last `most` is `seconds`
    old. What is refused does not count. `clock` is monotonic, in seconds.

    A key without a time in its window is forgotten, which changes nothing. Of more than MOST_REMEMBERED
    keys, the one that asked least recently is forgotten too: it may exceed its rate, rather than
    another key be refused for it. Whoever goes on asking in vain is not forgotten.
    """

    def __init__(
        self, most: int, seconds: int, what: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._what = what
        self._clock = clock
        self._free_at: OrderedDict[Hashable, deque[float]] = OrderedDict()
        """When each of a key's times is free again, the earliest first; the key that asked last is last."""

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._free_at)

    def take(self, key: Hashable, times: int = 1) -> None:
        """Count so many times at once; raises RateLimited with the whole seconds after which they are free.

        More times than the rate has at all count as all of them.
        """
        if not self._most or not times:
            return
        now, times = self._clock(), min(times, self._most)
        self._forget_the_idle(now)
        taken = self._free_at.get(key, deque())
        while taken and taken[0] <= now:
            taken.popleft()
        if (lack := len(taken) + times - self._most) > 0:
            wait = math.ceil(taken[lack - 1] - now)
            self._free_at.move_to_end(key)
            raise RateLimited(f"At most {self._most} {self._what} in {self._seconds} s.", retry_after=wait)
        taken.extend([now + self._seconds] * times)
        self._free_at[key] = taken
        self._free_at.move_to_end(key)
        if len(self._free_at) > MOST_REMEMBERED:
            self._free_at.popitem(last=False)

    def _forget_the_idle(self, now: float) -> None:
        while self._free_at and next(iter(self._free_at.values()))[-1] <= now:
            self._free_at.popitem(last=False)


class UnderWay:
    """Lets each user have so many requests under way at once; 0 is no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count: Counter[str] = Counter()

    @contextmanager
    def one(self, caller: Principal) -> Iterator[None]:
        """Count a request until the end of the block. Raises RateLimited."""
        if 0 < self._most <= self._count[caller.uid]:
            raise RateLimited(f"A user has at most {self._most} requests under way at once.")
        self._count[caller.uid] += 1
        try:
            yield
        finally:
            self._count[caller.uid] -= 1
            if not self._count[caller.uid]:
                del self._count[caller.uid]


class UserRates:
    """What each user may do how often, on one instance. Each method counts, or raises RateLimited."""

    def __init__(self, limits: Limits) -> None:
        self._messages = Rate(limits.messages_per_10s, WINDOW_S, "messages")
        self._agents_messages = Rate(limits.agent_messages_per_10s, WINDOW_S, "messages of an agent")
        self._reads = Rate(limits.reads_per_10s, WINDOW_S, "reads, lists and joins")
        self._creates = Rate(limits.creates_per_10s, WINDOW_S, "new conversations")
        self._additions = Rate(limits.additions_per_10s, WINDOW_S, "members added")
        self._renewals = Rate(limits.renewals_per_10s, WINDOW_S, "handshakes and renewed tokens")
        self._typing = Rate(limits.typing_per_5s, TYPING_S, "typing events in a room")
        most = limits.typing_per_5s * limits.max_sockets_per_user
        self._typing_anywhere = Rate(most, TYPING_S, "typing events")

    def write(self, caller: Principal) -> None:
        """A message sent, edited or deleted; a retry counts, too: it costs the store the same."""
        (self._agents_messages if caller.agent else self._messages).take(caller.uid)

    def read(self, caller: Principal) -> None:
        """A page read, a list or a join."""
        self._reads.take(caller.uid)

    def create(self, caller: Principal, members: int) -> None:
        """A new conversation with so many members."""
        self._creates.take(caller.uid)
        self.add(caller, members)

    def add(self, caller: Principal, members: int = 1) -> None:
        """Members added to a conversation; a change of their access counts as well."""
        self._additions.take(caller.uid, members)

    def type(self, caller: Principal, conversation_id: str) -> None:
        """The start of typing in a room; people type in one room at a time on each of their sockets."""
        self._typing.take((caller.uid, conversation_id))
        if not caller.agent:
            self._typing_anywhere.take(caller.uid)

    def renew(self, caller: Principal) -> None:
        """A handshake that is admitted, or another token for a socket."""
        self._renewals.take(caller.uid)
