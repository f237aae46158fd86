"""Rate limits: exact, in bounded memory."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from confab.domain.errors import RateLimited

MOST_REMEMBERED = 10_000
"""Keys of one rate that are remembered at a time."""


class Rate:
    """Allows each key at most `most` times in any window of `seconds`; 0 is no limit.

    The window slides: a time is free again as soon as the earliest of the last `most` is `seconds`
    old. What is refused does not count. `clock` is monotonic, in seconds.

    A key without a time in its window is forgotten, which changes nothing. If more than
    MOST_REMEMBERED keys have one, the least recent is forgotten too: it may exceed its rate, rather
    than another key be refused for it.
    """

    def __init__(
        self, most: int, seconds: int, what: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._what = what
        self._clock = clock
        self._free_at: OrderedDict[Hashable, deque[float]] = OrderedDict()
        """When each of a key's last times is free again; the most recent key is last."""

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._free_at)

    def take(self, key: Hashable) -> None:
        """Count one time; raises RateLimited with the whole seconds after which one is free."""
        if not self._most:
            return
        now = self._clock()
        self._forget_the_idle(now)
        times = self._free_at.get(key, deque(maxlen=self._most))
        if len(times) == self._most and times[0] > now:
            wait = math.ceil(times[0] - now)
            rate = f"At most {self._most} {self._what} in {self._seconds} s."
            raise RateLimited(f"{rate} Try again in {wait} s.", retry_after=wait)
        times.append(now + self._seconds)  # the oldest makes room
        self._free_at[key] = times
        self._free_at.move_to_end(key)
        if len(self._free_at) > MOST_REMEMBERED:
            self._free_at.popitem(last=False)

    def _forget_the_idle(self, now: float) -> None:
        while self._free_at and next(iter(self._free_at.values()))[-1] <= now:
            self._free_at.popitem(last=False)
