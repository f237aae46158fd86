"""Brings every entry of a room to its sockets, once and in order, whatever the bus does.

Rooms decide (`room.py`); this module feeds them with entries that this process has stored, and with
entries that it reads from the store. Events on the bus are not trusted: the numbers that they name
are read from the store, batched with those of other rooms. Every 2 s a sweep compares the heads of
all rooms with the store, so that a silent bus delays entries and loses none.
"""

import asyncio
import contextvars
import logging
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from confab import trace
from confab.aio import Backoff
from confab.domain.errors import Unavailable
from confab.domain.models import Entry, Message
from confab.ports import Commit, Store
from confab.realtime.room import Gap, Room
from confab.realtime.transport import Transport

log = logging.getLogger(__name__)

SWEEP_S = 2.0
"""Seconds between two comparisons of the rooms' heads with the store."""
GRACE_S = 0.05
"""Seconds for the bus to deliver what a sweep found."""
FIRST_RETRY_S = 0.1
RETRY_S = 1.0
"""The longest pause, in seconds, before a read that failed is retried."""
HEADS_PER_QUERY = 1_000
ENTRIES_PER_READ = 200
MAX_COMMITS = 1_000
"""Entries of a room whose commits are remembered until the entries are read."""

UNKNOWN = Commit()


class Occupant(Protocol):
    """A socket that is in a room, or joining it."""

    @property
    def sid(self) -> str:
        """The id under which the transport knows it."""

    @property
    def uid(self) -> str:
        """Its user."""

    def resync(self, conversation_id: str, after: int) -> None:
        """Leave the room; the socket has the log up to `after`, and its client joins again from there."""


class Envelope(NamedTuple):
    """An entry, and what is known of its commit."""

    seq: int
    entry: Entry
    commit: Commit


@dataclass(eq=False, slots=True)
class _Served:
    """A conversation that has sockets here."""

    conversation_id: str
    room: Room[Envelope]
    occupants: dict[str, Occupant] = field(default_factory=dict)
    commits: dict[int, Commit] = field(default_factory=dict)
    """Of entries that the bus has named and that are still to be read."""
    filling: asyncio.Task[None] | None = None


class Rooms:
    """The rooms that have sockets on this instance."""

    def __init__(
        self, store: Store, transport: Transport, *, delivered: Callable[[Entry, int, Commit], None]
    ) -> None:
        """`delivered` is called for every entry sent to live sockets, with their count and the commit."""
        self._store = store
        self._transport = transport
        self._delivered = delivered
        self.deliveries = 0
        """Entries sent to live sockets, once per socket."""
        self.gaps_filled = 0
        """Rooms in which a sweep found a gap: an event was lost or late."""
        self.sweeps = 0
        self._empty_reads = 0
        self._served: dict[str, _Served] = {}

    def __len__(self) -> int:
        return len(self._served)

    def __contains__(self, conversation_id: str) -> bool:
        return conversation_id in self._served

    def others(self, conversation_id: str, uid: str) -> list[str]:
        """The live sockets of a room that belong to other users than `uid`."""
        served = self._served.get(conversation_id)
        return [] if served is None else [s for s in served.room.live if served.occupants[s].uid != uid]

    def begin_join(self, conversation_id: str, occupant: Occupant) -> int | None:
        """As `Room.begin_join`; call `finish_join` or `leave` once the socket has read the log."""
        served = self._served.get(conversation_id)
        if served is None:
            served = self._served[conversation_id] = _Served(conversation_id, Room())
        served.occupants[occupant.sid] = occupant
        return served.room.begin_join(occupant.sid)

    async def finish_join(self, conversation_id: str, occupant: Occupant, position: int) -> None:
        """Make a socket live that was sent everything up to `position`.

        If entries that were delivered meanwhile cannot be read, the socket is resynced instead.
        """
        while (served := self._served.get(conversation_id)) is not None:
            outcome = served.room.finish_join(occupant.sid, position)
            if not isinstance(outcome, Gap):
                self._catch_up(served, occupant.sid, [envelope.entry for envelope in outcome])
                self._deliver(served)
                self._fill(served)
                return
            missed = await self._read(served, outcome)
            if not missed:  # or nothing could be read
                occupant.resync(conversation_id, position)
                return
            self._catch_up(served, occupant.sid, missed)
            position = missed[-1].seq

    def leave(self, conversation_id: str, sid: str) -> None:
        """Remove a socket, live or joining; a room without sockets is forgotten."""
        served = self._served.get(conversation_id)
        if served is None:
            return
        served.room.leave(sid)
        served.occupants.pop(sid, None)
        if served.room.empty:
            del self._served[conversation_id]
            if served.filling is not None:
                served.filling.cancel()

    def receive(self, entry: Entry, committed_at: datetime | None = None) -> None:
        """Deliver an entry that this process has stored, in any order, as part of the current trace."""
        served = self._served.get(entry.conversation_id)
        if served is not None:
            self._receive(served, entry, Commit(committed_at, trace.current()))
            self._fill(served)

    def advance_head(self, conversation_id: str, seq: int, committed_at: datetime) -> None:
        """Read an entry that the bus names, if the store has it, as part of the current trace."""
        served = self._served.get(conversation_id)
        if served is not None and served.room.advance_head(seq):
            if len(served.commits) < MAX_COMMITS:
                served.commits[seq] = Commit(committed_at, trace.current())
            self._fill(served)

    async def watch(self) -> None:
        """Sweep every SWEEP_S, whatever happens; until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S * random.uniform(0.9, 1.1))
            try:
                await self.sweep()
            except Unavailable:
                log.warning("the sweep could not read the heads")
            except Exception:
                log.exception("the sweep failed")

    async def sweep(self) -> None:
        """Compare the heads of all rooms with the store, begin to fill the gaps, and log how many."""
        ids = list(self._served)
        heads: dict[str, int] = {}
        for start in range(0, len(ids), HEADS_PER_QUERY):
            heads |= await self._store.heads(ids[start : start + HEADS_PER_QUERY])
        await asyncio.sleep(GRACE_S)
        gaps = 0
        for conversation_id, seq in heads.items():
            served = self._served.get(conversation_id)
            if served is not None and served.room.advance_head(seq):
                gaps += served.filling is None
                self._fill(served)
        self.sweeps += 1
        self.gaps_filled += gaps
        if gaps:
            log.warning("gaps were filled from the store", extra={"gaps": gaps})
        if self._empty_reads:
            log.warning("the bus named entries that are not stored", extra={"reads": self._empty_reads})
            self._empty_reads = 0

    def _receive(self, served: _Served, entry: Entry, commit: Commit = UNKNOWN) -> None:
        known = served.commits.pop(entry.seq, UNKNOWN)
        served.room.receive(Envelope(entry.seq, entry, known if commit is UNKNOWN else commit))
        self._deliver(served)

    def _deliver(self, served: _Served) -> None:
        """Send the entries that are next in order."""
        while (delivery := served.room.next_delivery()) is not None:
            entry = delivery.item.entry
            taken = self._send(served, delivery.sids, entry) if delivery.sids else 0
            self.deliveries += taken
            if taken:
                self._delivered(entry, taken, delivery.item.commit)

    def _send(self, served: _Served, sids: Collection[str], entry: Entry) -> int:
        """Send an entry, and evict the slow readers; returns how many sockets were sent it."""
        event = "message" if isinstance(entry, Message) else "finalized"
        sent = self._transport.send_event(sids, event, entry)
        for sid in sent.slow:
            served.occupants[sid].resync(served.conversation_id, entry.seq - 1)
        return sent.taken

    def _catch_up(self, served: _Served, sid: str, entries: Sequence[Entry]) -> None:
        """Send a socket the entries delivered during its join, as long as it is in the room."""
        for entry in entries:
            if sid in served.room:
                self._send(served, [sid], entry)

    def _fill(self, served: _Served) -> None:
        """Begin to fill the room's gap, unless it has none or one is being filled."""
        if served.filling is not None or served.room.gap is None or served.room.empty:
            return
        untraced = contextvars.Context()  # several writers may wait for what is read
        served.filling = asyncio.create_task(self._fill_gaps(served), context=untraced)
        served.filling.add_done_callback(lambda filling: self._filled(served, filling))

    def _filled(self, served: _Served, filling: asyncio.Task[None]) -> None:
        served.filling = None
        if not filling.cancelled():
            self._fill(served)

    async def _fill_gaps(self, served: _Served) -> None:
        backoff = Backoff(FIRST_RETRY_S, RETRY_S)
        while (gap := served.room.gap) is not None:
            entries = await self._read(served, gap)
            if entries is None:
                await asyncio.sleep(backoff.pause())
                continue
            backoff.reset()
            if not entries:
                self._empty_reads += 1
                served.room.reset_head()
                served.commits.clear()
            for entry in entries:
                self._receive(served, entry)

    async def _read(self, served: _Served, gap: Gap) -> list[Entry] | None:
        """The first entries of a gap, none if they are not stored; None if the store cannot be read now."""
        last = min(gap.last, gap.first + ENTRIES_PER_READ - 1)
        try:
            return await self._store.entries(served.conversation_id, gap.first, last)
        except Unavailable:
            return None
        except Exception:
            log.exception("a gap could not be read")
            return None
