"""A subscription's unacknowledged messages and their leases.

Pure: time is an argument, in seconds on any monotonic clock.
"""

import heapq
import itertools
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

M = TypeVar("M")


@dataclass(eq=False, slots=True)
class Consumer:
    """A client that leases messages, and its flow control (0: no bound)."""

    max_messages: int = 0
    max_bytes: int = 0
    messages: int = 0
    bytes: int = 0

    @property
    def full(self) -> bool:
        """Whether flow control forbids another lease; a first message may have any size."""
        return bool(
            (self.max_messages and self.messages >= self.max_messages)
            or (self.max_bytes and self.bytes >= self.max_bytes)
        )


@dataclass(eq=False, slots=True)
class _Held(Generic[M]):
    serial: int
    message: M
    size: int
    added: float
    attempts: int = 0
    ack_id: str = ""
    """Empty without a lease; the next two describe the lease."""
    consumer: Consumer = field(default_factory=Consumer)
    ends: float = 0


@dataclass(frozen=True, slots=True)
class Delivery(Generic[M]):
    """A leased message; its ack id is valid until the lease ends."""

    ack_id: str
    message: M
    attempt: int


class Backlog(Generic[M]):
    """Leases messages oldest first, redelivered ones included.

    Drops a message older than `retention` seconds, leased or not, and the oldest beyond `max_messages` or
    `max_bytes`. Ignores ack ids of ended leases and of other backlogs.
    """

    def __init__(self, *, retention: float, max_messages: int, max_bytes: int) -> None:
        self._retention = retention
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._serials = itertools.count(1)
        self._held: OrderedDict[int, _Held[M]] = OrderedDict()
        self._ready: list[int] = []  # a heap of serials, including dropped messages'
        self._leased: dict[str, _Held[M]] = {}
        self._ends: list[tuple[float, str]] = []  # a heap of lease ends, including ended leases'

    def __len__(self) -> int:
        return len(self._held)

    def add(self, message: M, size: int, now: float) -> None:
        """Store a message, and drop the oldest beyond the bounds."""
        held = _Held(next(self._serials), message, size, now)
        self._held[held.serial] = held
        self._bytes += size
        heapq.heappush(self._ready, held.serial)
        while len(self._held) > self._max_messages or (self._bytes > self._max_bytes and len(self._held) > 1):
            self._drop(self._oldest())

    def lease(
        self, consumer: Consumer, *, seconds: float, limit: int, max_bytes: int, now: float
    ) -> list[Delivery[M]]:
        """Lease up to `limit` messages for `seconds`; after the first, at most `max_bytes`."""
        self.expire(now)
        leased: list[Delivery[M]] = []
        total = 0
        while self._ready and len(leased) < limit and not consumer.full:
            held = self._held.get(self._ready[0])
            if held is not None and leased and total + held.size > max_bytes:
                break
            heapq.heappop(self._ready)
            if held is not None:
                total += held.size
                leased.append(self._lease_one(held, consumer, now + seconds))
        return leased

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Drop these messages."""
        for ack_id in ack_ids:
            if held := self._leased.get(ack_id):
                self._drop(held)

    def modify(self, ack_ids: Iterable[str], seconds: float, now: float) -> None:
        """Set the end of these leases to `seconds` from now; 0 ends them at once."""
        for ack_id in ack_ids:
            if held := self._leased.get(ack_id):
                held.ends = now + seconds
                heapq.heappush(self._ends, (held.ends, ack_id))
        self.expire(now)

    def expire(self, now: float) -> None:
        """End expired leases, and drop messages older than the retention."""
        while self._held and self._oldest().added + self._retention <= now:
            self._drop(self._oldest())
        while (ends := self.next_end()) is not None and ends <= now:
            _, ack_id = heapq.heappop(self._ends)
            heapq.heappush(self._ready, self._end_lease(self._leased[ack_id]).serial)

    def next_end(self) -> float | None:
        """The end of the next lease, or None without a lease."""
        while self._ends:
            ends, ack_id = self._ends[0]
            if (held := self._leased.get(ack_id)) is not None and held.ends == ends:
                return ends
            heapq.heappop(self._ends)
        return None

    def _oldest(self) -> _Held[M]:
        return next(iter(self._held.values()))

    def _lease_one(self, held: _Held[M], consumer: Consumer, ends: float) -> Delivery[M]:
        held.attempts += 1
        held.ack_id, held.consumer, held.ends = secrets.token_hex(8), consumer, ends
        self._leased[held.ack_id] = held
        heapq.heappush(self._ends, (ends, held.ack_id))
        consumer.messages += 1
        consumer.bytes += held.size
        return Delivery(held.ack_id, held.message, held.attempts)

    def _end_lease(self, held: _Held[M]) -> _Held[M]:
        del self._leased[held.ack_id]
        held.ack_id = ""
        held.consumer.messages -= 1
        held.consumer.bytes -= held.size
        return held

    def _drop(self, held: _Held[M]) -> None:
        del self._held[held.serial]
        self._bytes -= held.size
        if held.ack_id:
            self._end_lease(held)
