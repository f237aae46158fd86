"""One conversation's room on one instance: which entries its sockets have, and which they get next.

A pure state machine. Entries arrive in any order, repeated, or not at all; what the room hands
out, each live socket gets exactly once and in order of `seq`. It never waits and does no I/O:
`gap` says what its owner has to read from the store.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

MAX_WAITING = 1_000
"""Entries kept after a gap; those beyond are read from the store once the gap is filled."""
MAX_TAIL = 1_000
"""Delivered entries kept for sockets that are joining; older ones are read from the store."""


class Numbered(Protocol):
    """An entry, or an envelope around one: the room reads nothing of it but its number."""

    @property
    def seq(self) -> int:
        """The entry's number."""


Item = TypeVar("Item", bound=Numbered)


class Delivery(NamedTuple, Generic[Item]):
    """An entry to send now, to these sockets."""

    item: Item
    sids: Collection[str]


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries `first` to `last`, both included, that only the store has."""

    first: int
    last: int


class Room(Generic[Item]):
    """Joined sockets, the last number delivered to them, and entries that wait for a gap to be filled."""

    def __init__(self) -> None:
        self._delivered: int | None = None  # None until the first socket is live
        self._head = 0  # the highest number known, whether or not its entry is here
        self._live: dict[str, int] = {}  # sid → the number its join ended with
        self._joining: set[str] = set()
        self._waiting: dict[int, Item] = {}
        self._tail: deque[Item] = deque(maxlen=MAX_TAIL)

    @property
    def empty(self) -> bool:
        """Whether no socket is live or joining."""
        return not self._live and not self._joining

    @property
    def live(self) -> Collection[str]:
        """The sockets that get every entry."""
        return self._live.keys()

    @property
    def gap(self) -> Gap | None:
        """The next entries that the live sockets lack and that have not arrived."""
        if self._delivered is None or self._head <= self._delivered:
            return None
        above = min(self._waiting, default=self._head + 1)
        return Gap(self._delivered + 1, above - 1)

    @property
    def head(self) -> int:
        """The highest number known, whether or not its entry is here."""
        return self._head

    def has(self, seq: int) -> bool:
        """Whether the live sockets have the log up to this number."""
        return self._delivered is not None and seq <= self._delivered

    def __contains__(self, sid: str) -> bool:
        return sid in self._live or sid in self._joining

    def position(self, sid: str) -> int | None:
        """The last number that was delivered to a live socket, or that its join ended with."""
        start = self._live.get(sid)
        return None if start is None else max(start, self._delivered or 0)

    def begin_join(self, sid: str) -> int | None:
        """Note that a socket is about to read the log; from here on the room keeps what it delivers.

        Returns the `position` of a socket that was live, to continue from if the new join fails.
        """
        position = self.position(sid)
        self._live.pop(sid, None)
        self._joining.add(sid)
        return position

    def finish_join(self, sid: str, position: int) -> Sequence[Item] | Gap:
        """Make a socket live that has the log up to `position`.

        Returns what was delivered while it was reading, which it gets first. If some of that is no
        longer kept, the socket stays joining: the owner reads the returned gap from the store,
        sends it to the socket and calls again. A socket that left in the meantime stays out.
        """
        if sid not in self._joining:
            return ()
        if self._delivered is None:
            self._delivered = position
            self._waiting = {seq: item for seq, item in self._waiting.items() if seq > position}
        oldest_kept = self._tail[0].seq if self._tail else self._delivered + 1
        if position + 1 < oldest_kept:
            return Gap(position + 1, oldest_kept - 1)
        replay = [item for item in self._tail if item.seq > position]
        self._live[sid] = position
        self._head = max(self._head, position)
        self._end_join(sid)
        return replay

    def leave(self, sid: str) -> None:
        """Remove a socket, live or joining."""
        self._live.pop(sid, None)
        self._end_join(sid)

    def receive(self, item: Item) -> None:
        """Take an entry of this process or of the store; `next_delivery` returns it in order."""
        seq, delivered = item.seq, self._delivered
        if delivered is not None and seq <= delivered:
            return
        self._head = max(self._head, seq)
        self._waiting.setdefault(seq, item)
        if len(self._waiting) > MAX_WAITING and (delivered is None or delivered + 1 not in self._waiting):
            del self._waiting[max(self._waiting)]

    def advance_head(self, seq: int) -> bool:
        """Note that the log has at least `seq` entries; returns whether the room lacks the last of them."""
        self._head = max(self._head, seq)
        return self._delivered is not None and seq > self._delivered and seq not in self._waiting

    def next_delivery(self) -> Delivery[Item] | None:
        """The next entry in order, for the sockets that are live at this moment; None if it is not here."""
        if self._delivered is None or (item := self._waiting.pop(self._delivered + 1, None)) is None:
            return None
        self._delivered += 1
        if self._joining:
            self._tail.append(item)
        return Delivery(item, [sid for sid, start in self._live.items() if start < item.seq])

    def reset_head(self) -> None:
        """The store has nothing at the gap: forget the numbers beyond it, which do not exist."""
        self._waiting.clear()
        self._head = self._delivered or 0

    def forget(self) -> None:
        """Some entries are not as they were: forget all that are kept, so that they are read again."""
        self._waiting.clear()
        self._tail.clear()

    def _end_join(self, sid: str) -> None:
        self._joining.discard(sid)
        if not self._joining:
            self._tail.clear()
