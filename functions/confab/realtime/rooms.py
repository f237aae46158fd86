"""Brings every entry of a room to its sockets, once and in order, whatever the bus does.

Rooms decide (`room.py`); this module and `served.py` feed them with entries that this process has
stored, and with entries that are read from the store. Events on the bus are not trusted: the numbers
that they name are read from the store, batched with those of other rooms. Every 2 s a sweep compares
the heads of all rooms with the store, so that a silent bus delays entries and loses none.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from confab import trace
from confab.domain.entries import Entry
from confab.domain.errors import Unavailable
from confab.domain.models import Conversation
from confab.ports.store import Head, Store
from confab.ports.telemetry import Commit
from confab.realtime.served import Counts, Envelope, Occupant, ServedRoom, Serving
from confab.realtime.socketio.server import Server

log = logging.getLogger(__name__)

SWEEP_S = 2.0
"""Seconds between two comparisons of the rooms' heads with the store."""
SOON_S = 0.5
"""Seconds in which several requests for a sweep become one."""
GRACE_S = 0.05
"""Seconds for the bus to deliver what a sweep found."""
HEADS_PER_QUERY = 1_000
MAX_COMMITS = 1_000
"""Entries of a room whose commits are remembered until the entries are read."""


class Known(NamedTuple):
    """What a live socket was sent of a conversation."""

    position: int
    """The last number of the log."""
    erasures: int | None


class Rooms:
    """The rooms that have sockets on this instance."""

    def __init__(
        self,
        store: Store,
        server: Server,
        *,
        locate: Callable[[Conversation], Conversation],
        delivered: Callable[[Entry, int, Commit], None],
    ) -> None:
        """See `Serving`."""
        self.counts = Counts()
        self._store = store
        self._serving = Serving(store, server, locate, delivered, self.counts)
        self.gaps_filled = 0
        """Rooms in which a sweep found a gap: an event was lost or late."""
        self.sweeps = 0
        self._served: dict[str, ServedRoom] = {}
        self._sweeping = asyncio.Event()

    def __len__(self) -> int:
        return len(self._served)

    def others(self, conversation_id: str, uid: str) -> list[str]:
        """The live sockets of a room that belong to other users than `uid`."""
        served = self._served.get(conversation_id)
        return [] if served is None else [s for s in served.room.live if served.occupants[s].uid != uid]

    def know(self, conversation: Conversation) -> None:
        """As `ServedRoom.know`, for a conversation that a socket has read."""
        if (served := self._served.get(conversation.id)) is not None:
            served.know(conversation)

    def has_participant(self, conversation_id: str, uid: str) -> bool:
        """Whether the room is served here, and knows that the user takes part in it."""
        served = self._served.get(conversation_id)
        return served is not None and served.has_participant(uid)

    def has(self, conversation_id: str, sid: str) -> bool:
        """Whether a socket is in a room or joining it."""
        served = self._served.get(conversation_id)
        return served is not None and sid in served.room

    def position(self, conversation_id: str, sid: str) -> int | None:
        """The last number of the log that a live socket was sent; None unless it is live."""
        served = self._served.get(conversation_id)
        return None if served is None else served.room.position(sid)

    def begin_join(self, conversation_id: str, occupant: Occupant) -> Known | None:
        """As `Room.begin_join`; call `finish_join` or `leave` once the socket has read the log.

        Returns what a socket that was live has, to be made live again with it if the new join fails.
        """
        served = self._served.get(conversation_id)
        if served is None:
            served = self._served[conversation_id] = ServedRoom(conversation_id, self._serving)
        served.occupants[occupant.sid] = occupant
        position = served.room.begin_join(occupant.sid)
        return None if position is None else Known(position, served.erasures)

    async def finish_join(
        self, conversation_id: str, occupant: Occupant, position: int, erasures: int | None = None
    ) -> None:
        """Make a socket live that was sent everything up to `position`, and knows so many erasures.

        If entries that were delivered meanwhile cannot be read, or messages were emptied meanwhile, the
        socket is resynced instead.
        """
        if (served := self._served.get(conversation_id)) is not None:
            await served.finish_join(occupant, position, erasures)

    def leave(self, conversation_id: str, sid: str) -> None:
        """Remove a socket, live or joining; a room without sockets is forgotten."""
        served = self._served.get(conversation_id)
        if served is None:
            return
        served.leave(sid)
        if served.room.empty:
            del self._served[conversation_id]

    def receive(self, entry: Entry, committed_at: datetime | None = None) -> None:
        """Deliver an entry that this process has stored, in any order, as part of the current trace."""
        served = self._served.get(entry.conversation_id)
        if served is not None and entry.without_later_state() is not entry:
            served.room.advance_head(entry.seq)  # it was changed since, and who may see that is to be read
            served.fill()
        elif served is not None:
            served.receive(Envelope(entry.seq, entry, Commit(committed_at, trace.current())))
            served.fill()

    def advance_head(self, conversation_id: str, seq: int, committed_at: datetime) -> None:
        """Read an entry that the bus names, if the store has it, as part of the current trace."""
        served = self._served.get(conversation_id)
        if served is not None and served.room.advance_head(seq):
            if len(served.commits) < MAX_COMMITS:
                served.commits[seq] = Commit(committed_at, trace.current())
            served.fill()

    def suspect(self, conversation_id: str) -> None:
        """Look whether a conversation is still there, as somebody who is not trusted says it is not."""
        served = self._served.get(conversation_id)
        if served is not None:
            served.room.advance_head(served.room.head + 1)
            served.fill()

    def sweep_soon(self) -> None:
        """Sweep now, as somebody who is not trusted says that messages were emptied."""
        self._sweeping.set()

    async def watch(self) -> None:
        """Sweep every SWEEP_S or when asked to, whatever happens; until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._sweeping.wait(), SWEEP_S * random.uniform(0.9, 1.1))
                await asyncio.sleep(SOON_S)
            self._sweeping.clear()
            try:
                await self.sweep()
            except Unavailable:
                log.warning("the sweep could not read the heads")
            except Exception:
                log.exception("the sweep failed")

    async def sweep(self) -> None:
        """Compare the heads of all rooms with the store, and begin to fill the gaps.

        Logs one line, however many rooms have a gap.
        """
        swept = list(self._served.values())
        heads: dict[str, Head] = {}
        for start in range(0, len(swept), HEADS_PER_QUERY):
            ids = [served.conversation_id for served in swept[start : start + HEADS_PER_QUERY]]
            heads |= await self._store.heads(ids)
        await asyncio.sleep(GRACE_S)
        gaps = 0
        for served in swept:
            head = heads.get(served.conversation_id)
            if head is None:
                served.dismiss_all()
                continue
            if served.room.advance_head(head.seq):
                gaps += served.filling is None
                served.fill()
        for served in swept:
            head = heads.get(served.conversation_id)
            if head is not None:
                await served.send_erasures(head)
        self.sweeps += 1
        self.gaps_filled += gaps
        if gaps:
            log.warning("gaps were filled from the store", extra={"gaps": gaps})
        if self.counts.empty_reads:
            log.warning("the bus named entries that are not stored", extra={"reads": self.counts.empty_reads})
            self.counts.empty_reads = 0
