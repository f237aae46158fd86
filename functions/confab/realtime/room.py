"""One conversation's room on one instance: what its sockets have been told, and what is next.

A pure state machine. Entries come from this process, which has stored them, and from the store;
the bus tells of numbers only. All of it comes in any order, repeated, or not at all; what the
room hands out, each live socket gets exactly once and in order of `seq`. It never waits and does
no I/O: `missing` says what its owner should read from the store.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from confab.domain.models import Entry
from confab.ports import Commit

MAX_WAITING = 1_000
"""Entries kept behind a hole; those beyond it are read from the store when the hole is filled."""
MAX_TAIL = 1_000
"""Delivered entries kept for sockets that are joining; who needs more reads it from the store."""


UNKNOWN = Commit()


class Delivery(NamedTuple):
    """An entry to send now, to these sockets."""

    entry: Entry
    sids: Collection[str]
    commit: Commit = UNKNOWN


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries `first` to `last`, both included, that only the store has."""

    first: int
    last: int


class Room:
    """Joined sockets, the last number delivered to them, and entries waiting for a hole."""

    def __init__(self) -> None:
        self._delivered: int | None = None  # None until a socket is live: nothing to be behind of
        self._head = 0  # the newest number heard of, whether or not its entry is here
        self._live: dict[str, int] = {}  # sid → the number its join ended with
        self._joining: set[str] = set()
        self._waiting: dict[int, tuple[Entry, Commit]] = {}
        self._commits: dict[int, Commit] = {}  # of entries that were heard of and are still to be read
        self._tail: deque[Entry] = deque(maxlen=MAX_TAIL)

    @property
    def empty(self) -> bool:
        """Whether nobody is in it or on the way in."""
        return not self._live and not self._joining

    @property
    def live(self) -> Collection[str]:
        """The sockets that get every entry."""
        return self._live.keys()

    def holds(self, sid: str) -> bool:
        """Whether the socket is in it or on the way in."""
        return sid in self._live or sid in self._joining

    @property
    def missing(self) -> Gap | None:
        """The next entries that the live sockets lack and that are not here."""
        if self._delivered is None or self._head <= self._delivered:
            return None
        above = min(self._waiting, default=self._head + 1)
        return Gap(self._delivered + 1, above - 1)

    def begin_join(self, sid: str) -> int | None:
        """A socket is about to read the log. From here on the room keeps what it delivers.

        Returns the number up to which a socket that was live has been given the log: should its
        join fail, it goes on from there.
        """
        start = self._live.pop(sid, None)
        self._joining.add(sid)
        return None if start is None else max(start, self._delivered or 0)

    def finish_join(self, sid: str, position: int) -> Sequence[Entry] | Gap:
        """The socket has been given everything up to `position`.

        It is live from now on and first gets the entries returned, which were delivered while it
        was reading. If some of those are not kept any more, it stays joining and its owner reads
        the gap that is returned, gives it to the socket and calls again. A socket that left in the
        meantime stays out.
        """
        if sid not in self._joining:
            return ()
        if self._delivered is None:
            self._delivered = position
            self._waiting = {seq: waiting for seq, waiting in self._waiting.items() if seq > position}
        oldest_kept = self._tail[0].seq if self._tail else self._delivered + 1
        if position + 1 < oldest_kept:
            return Gap(position + 1, oldest_kept - 1)
        replay = [entry for entry in self._tail if entry.seq > position]
        self._live[sid] = position
        self._head = max(self._head, position)
        self._end_join(sid)
        return replay

    def leave(self, sid: str) -> None:
        """A socket left, was disconnected, or gave up joining."""
        self._live.pop(sid, None)
        self._end_join(sid)

    def hear(self, entry: Entry, commit: Commit = UNKNOWN) -> list[Delivery]:
        """An entry has come, from this process or the store; what to send for it.

        A socket that leaves over one of several deliveries must not be sent the later ones.
        """
        if self._delivered is not None and entry.seq <= self._delivered:
            return []
        self._head = max(self._head, entry.seq)
        known = self._commits.pop(entry.seq, UNKNOWN)
        self._waiting.setdefault(entry.seq, (entry, known if commit is UNKNOWN else commit))
        deliveries = self.advance()
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[max(self._waiting)]
        return deliveries

    def hear_head(self, seq: int, commit: Commit = UNKNOWN) -> bool:
        """The log is said to have at least `seq` entries; whether the room lacks the last of them.

        `commit` is that one's: it is kept until the entry has come.
        """
        self._head = max(self._head, seq)
        lacks = self._delivered is not None and seq > self._delivered and seq not in self._waiting
        if lacks and commit is not UNKNOWN and len(self._commits) < MAX_WAITING:
            self._commits[seq] = commit
        return lacks

    def advance(self) -> list[Delivery]:
        """Everything that can be delivered in order now, as `hear` does."""
        deliveries: list[Delivery] = []
        if self._delivered is None:
            return deliveries
        while (waiting := self._waiting.pop(self._delivered + 1, None)) is not None:
            self._delivered += 1
            entry, commit = waiting
            if self._joining:
                self._tail.append(entry)
            sids = [sid for sid, start in self._live.items() if start < entry.seq]
            deliveries.append(Delivery(entry, sids, commit))
        return deliveries

    def distrust(self) -> None:
        """The store has nothing at the gap: what was heard of beyond it does not exist."""
        self._waiting.clear()
        self._commits.clear()
        self._head = self._delivered or 0

    def _end_join(self, sid: str) -> None:
        self._joining.discard(sid)
        if not self._joining:
            self._tail.clear()
