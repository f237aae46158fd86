"""Brings every entry of a room to its sockets, once and in order, whatever the bus does.

Rooms decide (`room.py`); this module feeds them with what this process has stored, and with what
the store has. The bus only says where to look: anybody who may publish can put anything on it, so
a number that it tells of is read from the store, at once and together with those of other rooms.
A periodic sweep compares the heads of all rooms with the store, so that even a silent bus costs
seconds and not entries.
"""

import asyncio
import contextvars
import logging
import random
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from confab import trace
from confab.domain.errors import Unavailable
from confab.domain.models import Entry
from confab.ports import Commit, Store
from confab.realtime.room import Delivery, Gap, Room

log = logging.getLogger(__name__)

SWEEP_S = 2.0
"""Seconds between two comparisons of the rooms' heads with the store."""
GRACE_S = 0.05
"""Seconds for which the bus may be behind the heads that a sweep has read."""
FIRST_RETRY_S = 0.05
RETRY_S = 1.0
"""The longest pause, in seconds, before a read that failed is tried again."""
HEADS_PER_QUERY = 1_000
ENTRIES_PER_READ = 200


class Sender(Protocol):
    """Puts events into sockets; never waits."""

    def entry(self, sids: Collection[str], entry: Entry) -> int:
        """Send an entry to these sockets; how many took it. Who cannot is out of the room at once."""
        ...


class Rooms:
    """The rooms that have sockets on this instance."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        delivered: Callable[[Entry, int, Commit], None] | None = None,
    ) -> None:
        """`delivered` is told of every entry that goes to live sockets, to how many, and of its commit."""
        self._store = store
        self._sender = sender
        self._delivered = delivered
        self.deliveries = 0
        """Entries sent to live sockets, once per socket."""
        self.holes_filled = 0
        """Rooms that a sweep found behind: what the bus lost, or brought late."""
        self.sweeps = 0
        self._untrue = 0
        self._rooms: dict[str, Room] = {}
        self._filling: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def sids(self, conversation_id: str) -> Collection[str]:
        """The live sockets of a room."""
        room = self._rooms.get(conversation_id)
        return () if room is None else tuple(room.live)

    def begin_join(self, conversation_id: str, sid: str) -> int | None:
        """A socket is about to read this log; call before the read, and then one of the next two.

        Returns where a socket that was in the room already goes on if it cannot join again.
        """
        return self._rooms.setdefault(conversation_id, Room()).begin_join(sid)

    async def finish_join(self, conversation_id: str, sid: str, position: int) -> int | None:
        """The socket was sent everything up to `position`; it is live when this returns None.

        Otherwise entries that were delivered meanwhile are in the store only and could not be
        read: the socket is out of the room, and was sent everything up to the number returned.
        """
        while (room := self._rooms.get(conversation_id)) is not None:
            outcome = room.finish_join(sid, position)
            if not isinstance(outcome, Gap):
                self._catch_up(room, sid, outcome)
                self._send(room, room.advance())
                self._mend(conversation_id)
                return None
            missed = await self._missed(conversation_id, outcome)
            if not missed:
                self.leave(conversation_id, sid)
                return position
            self._catch_up(room, sid, missed)
            position = missed[-1].seq
        return None

    async def _missed(self, conversation_id: str, gap: Gap) -> list[Entry]:
        """What a joining socket lacks; nothing if it cannot be read now."""
        try:
            return await self._read(conversation_id, gap)
        except Unavailable:
            return []
        except Exception:
            log.exception("a join could not be completed")
            return []

    def _catch_up(self, room: Room, sid: str, entries: Sequence[Entry]) -> None:
        """Send a socket what it lacks, as long as it takes it."""
        for entry in entries:
            if room.holds(sid):
                self._sender.entry([sid], entry)

    def leave(self, conversation_id: str, sid: str) -> None:
        """The socket left the room, or did not get in."""
        room = self._rooms.get(conversation_id)
        if room is None:
            return
        room.leave(sid)
        if room.empty:
            del self._rooms[conversation_id]
            if (filling := self._filling.pop(conversation_id, None)) is not None:
                filling.cancel()

    def hear(self, entry: Entry, committed_at: datetime | None = None) -> None:
        """An entry was stored by this process, as part of the current trace.

        Told twice or out of order is fine.
        """
        room = self._rooms.get(entry.conversation_id)
        if room is not None:
            self._send(room, room.hear(entry, Commit(committed_at, trace.current())))
            self._mend(entry.conversation_id)

    def hear_of(self, conversation_id: str, seq: int, committed_at: datetime) -> None:
        """The bus says that another process has stored an entry, as part of the current trace.

        It is read from the store. If it is not there, nothing happens.
        """
        room = self._rooms.get(conversation_id)
        if room is not None and room.hear_head(seq, Commit(committed_at, trace.current())):
            self._mend(conversation_id)

    async def sweep_for_ever(self) -> None:
        """Compare all heads with the store, again and again, whatever happens; until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S * random.uniform(0.9, 1.1))
            try:
                await self.sweep()
            except Unavailable:
                log.warning("the sweep could not read the heads")
            except Exception:
                log.exception("the sweep failed")

    async def sweep(self) -> None:
        """Compare the heads of all rooms with the store, and start to fill what is missing.

        Says what was found in a line a sweep, however many rooms a silent bus has left behind.
        """
        ids = list(self._rooms)
        heads: dict[str, int] = {}
        for start in range(0, len(ids), HEADS_PER_QUERY):
            heads |= await self._store.heads(ids[start : start + HEADS_PER_QUERY])
        await asyncio.sleep(GRACE_S)
        behind = 0
        for conversation_id, seq in heads.items():
            room = self._rooms.get(conversation_id)
            if room is not None and room.hear_head(seq):
                behind += conversation_id not in self._filling
                self._mend(conversation_id)
        self.sweeps += 1
        self.holes_filled += behind
        if behind:
            log.warning("holes were filled from the store", extra={"holes": behind})
        if self._untrue:
            log.warning("the bus told of entries that are not stored", extra={"reads": self._untrue})
            self._untrue = 0

    def _send(self, room: Room, deliveries: Sequence[Delivery]) -> None:
        first = True
        for entry, sids, commit in deliveries:
            live = sids if first else [sid for sid in sids if room.holds(sid)]  # who fell behind has left
            first = False
            taken = self._sender.entry(live, entry) if live else 0
            self.deliveries += taken
            if taken and self._delivered is not None:
                self._delivered(entry, taken, commit)

    def _mend(self, conversation_id: str) -> None:
        """Fill the room's hole, if it has one and nobody is at it."""
        room = self._rooms.get(conversation_id)
        if room is None or room.missing is None or conversation_id in self._filling:
            return
        shared = contextvars.Context()  # whoever showed the hole, the fillings are not part of its trace
        task = asyncio.create_task(self._fill(conversation_id, room), context=shared)
        self._filling[conversation_id] = task
        task.add_done_callback(lambda done: self._filled(conversation_id, done))

    def _filled(self, conversation_id: str, task: asyncio.Task[None]) -> None:
        if self._filling.get(conversation_id) is task:
            del self._filling[conversation_id]
        if not task.cancelled():
            self._mend(conversation_id)

    async def _fill(self, conversation_id: str, room: Room) -> None:
        pause = FIRST_RETRY_S
        while (gap := room.missing) is not None:
            try:
                entries = await self._read(conversation_id, gap)
            except Unavailable:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, RETRY_S)
            except Exception:
                log.exception("a hole could not be read")
                await asyncio.sleep(RETRY_S)
            else:
                pause = FIRST_RETRY_S
                if not entries:
                    self._untrue += 1
                    room.distrust()
                for entry in entries:
                    self._send(room, room.hear(entry))

    async def _read(self, conversation_id: str, gap: Gap) -> list[Entry]:
        last = min(gap.last, gap.first + ENTRIES_PER_READ - 1)
        return await self._store.entries(conversation_id, gap.first, last)
