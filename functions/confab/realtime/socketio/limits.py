"""What one socket may cost the others: how fast it sends, and how much waits for it to read."""

import math
from collections.abc import Iterator

PACKETS_PER_S = 50
"""Packets a second that a socket may send for ever. A message that is stored does not count."""
BURST = 200
"""Packets that it may send at once."""
BYTES_A_PACKET = 16_384
"""Bytes that count as one packet more."""
FLOOD_S = 5.0
"""Seconds for which a socket that sends more is slowed before it is ended."""


class TokenBucket:
    """Slows a socket that sends more packets than clients do; `now` is monotonic, in seconds.

    A packet takes a token, and a large one several.
    """

    __slots__ = ("_full_at", "_slowed_since")

    def __init__(self) -> None:
        self._full_at = -math.inf
        self._slowed_since = math.inf

    @staticmethod
    def tokens(received: int) -> int:
        """What a packet takes for which so many bytes were received."""
        return 1 + received // BYTES_A_PACKET

    def take(self, now: float, tokens: int = 1) -> float:
        """Take the tokens of a packet; returns the seconds to wait before it is handled."""
        self._full_at = max(self._full_at, now) + tokens / PACKETS_PER_S
        lack = self._full_at - now - BURST / PACKETS_PER_S
        if lack > 0:
            self._slowed_since = min(self._slowed_since, now)
        elif lack < -BURST / PACKETS_PER_S / 2:
            self._slowed_since = math.inf
        return max(lack, 0)

    def give_back(self, tokens: int = 1) -> None:
        """The packet did not count."""
        self._full_at -= tokens / PACKETS_PER_S

    def floods(self, now: float) -> bool:
        """Whether the socket was slowed for FLOOD_S, and at no time since had half of its burst left."""
        return now - self._slowed_since > FLOOD_S


class Backlog:
    """The bytes that wait for the sockets of a process to read, in all. Sockets are known by their ids."""

    def __init__(self) -> None:
        self._unsent: dict[str, int] = {}
        self.total = 0

    def note(self, sid: str, unsent: int) -> None:
        """So many bytes wait for a socket now."""
        self.total += unsent - self._unsent.pop(sid, 0)
        if unsent:
            self._unsent[sid] = unsent

    def heaviest(self) -> Iterator[str]:
        """Those for which something waits, the one with the most first."""
        return iter(sorted(self._unsent, key=self._unsent.__getitem__, reverse=True))
