"""Pauses between tries."""

import random

_random = random.SystemRandom()


class Backoff:
    """Pauses that double from `first` to `longest` seconds, each shortened by up to a half.

    The jitter keeps instances that lost the bus together from coming back together.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Seconds to wait before the next try."""
        pause = self._next * _random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._longest)
        return pause

    def reset(self) -> None:
        """Begin again with the shortest pause."""
        self._next = self._first
