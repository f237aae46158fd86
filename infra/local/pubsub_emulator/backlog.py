"""What one subscription holds: messages waiting, messages leased, and when leases end.

Pure: time comes in as an argument (seconds on any steady clock), nothing is read or awaited.
"""

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

M = TypeVar("M")


@dataclass(eq=False, slots=True)
class Consumer:
    """One who leases messages, and how much may be leased to it at once (0: no bound)."""

    max_messages: int = 0
    max_bytes: int = 0
    messages: int = 0
    bytes: int = 0

    @property
    def full(self) -> bool:
        """Whether flow control forbids another lease; a first message of any size is let through."""
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
    ack_id: str | None = None


@dataclass(eq=False, slots=True)
class _Lease(Generic[M]):
    held: _Held[M]
    consumer: Consumer
    ends: float


@dataclass(frozen=True, slots=True)
class Delivery(Generic[M]):
    """A message as it is handed out; its ack id is good until the lease ends."""

    ack_id: str
    message: M
    size: int
    attempt: int


class Backlog(Generic[M]):
    """The messages of one subscription that nobody has acknowledged yet.

    They are handed out oldest first, redelivered ones before newer ones. A message that is older
    than `retention` seconds goes, leased or not, and so does the oldest when there are more than
    `max_messages` or `max_bytes`. An ack id whose lease has ended means nothing any more; `tag`
    starts each of them, so that those of another backlog mean nothing either.
    """

    def __init__(self, *, retention: float, max_messages: int, max_bytes: int, tag: str = "") -> None:
        self.retention = retention
        self._tag = tag
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._serials = itertools.count(1)
        self._held: OrderedDict[int, _Held[M]] = OrderedDict()
        self._ready: list[int] = []
        self._leases: dict[str, _Lease[M]] = {}
        self._ends: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._held)

    def add(self, message: M, size: int, now: float) -> None:
        """Take a message in; the oldest go if there are too many."""
        held = _Held(next(self._serials), message, size, now)
        self._held[held.serial] = held
        self._bytes += size
        heapq.heappush(self._ready, held.serial)
        while len(self._held) > self._max_messages or (self._bytes > self._max_bytes and len(self._held) > 1):
            self._drop(self._oldest())

    def lease(
        self, consumer: Consumer, *, seconds: float, limit: int, max_bytes: int, now: float
    ) -> list[Delivery[M]]:
        """Hand out up to `limit` messages for `seconds`; past the first, at most `max_bytes`."""
        self.expire(now)
        given: list[Delivery[M]] = []
        total = 0
        while self._ready and len(given) < limit and not consumer.full:
            held = self._held.get(self._ready[0])
            if held is None:  # dropped while it waited
                heapq.heappop(self._ready)
                continue
            if given and total + held.size > max_bytes:
                break
            heapq.heappop(self._ready)
            total += held.size
            given.append(self._lease_one(held, consumer, now + seconds))
        return given

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Forget these messages for good."""
        for ack_id in ack_ids:
            if lease := self._leases.get(ack_id):
                self._drop(lease.held)

    def modify(self, ack_ids: Iterable[str], seconds: float, now: float) -> None:
        """Let these leases end `seconds` from now; 0 gives the messages back at once."""
        for ack_id in ack_ids:
            lease = self._leases.get(ack_id)
            if lease is None:
                continue
            if seconds <= 0:
                self._give_back(ack_id)
            else:
                lease.ends = now + seconds
                self._remember_end(ack_id, lease.ends)

    def expire(self, now: float) -> None:
        """End the leases whose time is over and drop what is too old."""
        while self._held and self._oldest().added + self.retention <= now:
            self._drop(self._oldest())
        while self._ends and self._ends[0][0] <= now:
            ends, ack_id = heapq.heappop(self._ends)
            lease = self._leases.get(ack_id)
            if lease is not None and lease.ends == ends:
                self._give_back(ack_id)

    def next_end(self) -> float | None:
        """When the next lease may end, or None if nothing is leased."""
        while self._ends:
            ends, ack_id = self._ends[0]
            lease = self._leases.get(ack_id)
            if lease is not None and lease.ends == ends:
                return ends
            heapq.heappop(self._ends)
        return None

    def _oldest(self) -> _Held[M]:
        return next(iter(self._held.values()))

    def _lease_one(self, held: _Held[M], consumer: Consumer, ends: float) -> Delivery[M]:
        held.attempts += 1
        held.ack_id = f"{self._tag}{held.serial}-{held.attempts}"
        self._leases[held.ack_id] = _Lease(held, consumer, ends)
        self._remember_end(held.ack_id, ends)
        consumer.messages += 1
        consumer.bytes += held.size
        return Delivery(held.ack_id, held.message, held.size, held.attempts)

    def _remember_end(self, ack_id: str, ends: float) -> None:
        heapq.heappush(self._ends, (ends, ack_id))
        if len(self._ends) > 2 * len(self._leases) + 1000:  # mostly ends of leases that are gone
            self._ends = [(lease.ends, ack_id) for ack_id, lease in self._leases.items()]
            heapq.heapify(self._ends)

    def _end(self, ack_id: str) -> _Held[M]:
        lease = self._leases.pop(ack_id)
        lease.held.ack_id = None
        lease.consumer.messages -= 1
        lease.consumer.bytes -= lease.held.size
        return lease.held

    def _give_back(self, ack_id: str) -> None:
        heapq.heappush(self._ready, self._end(ack_id).serial)

    def _drop(self, held: _Held[M]) -> None:
        del self._held[held.serial]
        self._bytes -= held.size
        if held.ack_id is not None:
            self._end(held.ack_id)
