"""The room of one conversation as this instance serves it: sends its entries, and fills its gaps.

`room.py` decides what is sent next; this module sends it, reads from the store what is missing, and
lets sockets go whose users may not stay.
"""

import asyncio
import contextvars
import logging
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from confab.aio import Backoff
from confab.domain.entries import Entry
from confab.domain.entries.conversation_changed import Changes, ConversationChanged
from confab.domain.errors import Unavailable
from confab.domain.models import Conversation
from confab.ports.removal import Erasure
from confab.ports.store import Excerpt, Head, Store
from confab.ports.telemetry import Commit
from confab.realtime.room import Gap, Room
from confab.realtime.socketio.server import Server

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.1
RETRY_S = 1.0
"""The longest pause, in seconds, before a read that failed is retried."""
ENTRIES_PER_READ = 200

UNKNOWN = Commit()
Reason = Literal["removed", "deleted"]
"""Why a socket may not stay in a room: its user was removed, or the conversation is gone."""


class Occupant(Protocol):
    """A socket that is in a room, or joining it."""

    @property
    def sid(self) -> str:
        """The id under which the server knows it."""

    @property
    def uid(self) -> str:
        """Its user."""

    def erased(self, conversation_id: str, erasure: Erasure) -> None:
        """Send that messages were emptied because their author was erased."""

    def resync(self, conversation_id: str, after: int) -> None:
        """Leave the room; the socket has the log up to `after`, and its client joins again from there."""

    def adjust(self, conversation: Conversation) -> None:
        """Adopt what its user may do there from now on."""

    def dismiss(self, conversation_id: str, reason: Reason) -> None:
        """Leave the room for that reason, which its client is sent."""


class Envelope(NamedTuple):
    """An entry, and what is known of its commit."""

    seq: int
    entry: Entry
    commit: Commit
    readers: Collection[str] | None = None
    """Who could read it when it was read from the store; None if this process stored it."""


@dataclass(slots=True)
class Counts:
    """What the rooms of an instance did."""

    deliveries: int = 0
    """Entries sent to live sockets, once per socket."""
    empty_reads: int = 0
    """Reads of entries that the bus has named and the store does not have, since the last sweep."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What all rooms of an instance need."""

    store: Store
    server: Server
    locate: Callable[[Conversation], Conversation]
    """Adds the address of a room to its conversation."""
    delivered: Callable[[Entry, int, Commit], None]
    """Called for every entry sent to live sockets, with their count and the commit."""
    counts: Counts


class ServedRoom:
    """A conversation that has sockets here."""

    def __init__(self, conversation_id: str, serving: Serving) -> None:
        self.conversation_id = conversation_id
        self.room = Room[Envelope]()
        self.occupants: dict[str, Occupant] = {}
        self.commits: dict[int, Commit] = {}
        """Of entries that the bus has named and that are still to be read."""
        self.erasures: int | None = None
        """How many of the log's erasures the sockets know; None until one has joined."""
        self.filling: asyncio.Task[None] | None = None
        self._known_at = 0
        self._participants = array("q")
        """Hashes of the uids of owner and members, a word each, as the entry `_known_at` left them."""
        self._serving = serving

    def know(self, conversation: Conversation) -> None:
        """Remember who takes part, unless a later state is known."""
        if conversation.seq >= self._known_at:
            self._known_at = conversation.seq
            self._participants = array("q", map(hash, conversation.participants))

    def has_participant(self, uid: str) -> bool:
        """Whether a user takes part, as far as the room knows.

        Members who only read do: an instance may know of their typing before it knows that they may write.
        """
        return hash(uid) in self._participants

    async def finish_join(self, occupant: Occupant, position: int, erasures: int | None) -> None:
        """As `Rooms.finish_join`."""
        if self.erasures is None:
            self.erasures = erasures
        while isinstance(outcome := self._finish_join(occupant, position, erasures), Gap):
            missed = await self._read(outcome)
            if missed is None or not missed.entries:
                occupant.resync(self.conversation_id, position)
                return
            self._catch_up(occupant.sid, self._envelopes(missed))
            position = missed.entries[-1].seq
        self._catch_up(occupant.sid, outcome)
        self._deliver()
        self.fill()

    def _finish_join(
        self, occupant: Occupant, position: int, erasures: int | None
    ) -> Sequence[Envelope] | Gap:
        """As `Room.finish_join`; a socket that read before messages were emptied has to read again."""
        if erasures is not None and erasures < (self.erasures or 0):
            occupant.resync(self.conversation_id, position)
            return ()
        return self.room.finish_join(occupant.sid, position)

    def leave(self, sid: str) -> None:
        """Remove a socket, live or joining."""
        self.room.leave(sid)
        self.occupants.pop(sid, None)
        if self.room.empty and self.filling is not None:
            self.filling.cancel()

    def receive(self, envelope: Envelope) -> None:
        """Send an entry once it is next."""
        known = self.commits.pop(envelope.seq, UNKNOWN)
        self.room.receive(envelope._replace(commit=known) if envelope.commit is UNKNOWN else envelope)
        self._deliver()

    def fill(self) -> None:
        """Begin to fill the room's gap, unless it has none or one is being filled."""
        if self.filling is not None or self.room.gap is None or self.room.empty:
            return
        untraced = contextvars.Context()  # several writers may wait for what is read
        self.filling = asyncio.create_task(self._fill_gaps(), context=untraced)
        self.filling.add_done_callback(self._filled)

    def dismiss_all(self) -> None:
        """The conversation is gone, and so is everyone in it."""
        for occupant in list(self.occupants.values()):
            occupant.dismiss(self.conversation_id, "deleted")

    async def send_erasures(self, head: Head) -> None:
        """Send which messages were emptied up to this head, and forget what is kept of them.

        The sockets get the entries up to there first, so whoever they remove is sent none of it. If the
        store does not answer, that is left to a later sweep. Raises Unavailable.
        """
        if self.erasures is None or self.erasures >= head.erasures:
            return
        if self.filling is not None:
            await asyncio.wait({self.filling}, timeout=RETRY_S)
        while self.room.has(head.seq) and self.erasures < head.erasures:
            found = await self._serving.store.removal.erasures(self.conversation_id, self.erasures)
            self.room.forget()
            for erasure in found:
                self.erasures = erasure.number
                for occupant in [self.occupants[sid] for sid in self.room.live]:
                    occupant.erased(self.conversation_id, erasure)
            if not found:
                return
            await self._dismiss_strangers()

    async def _dismiss_strangers(self) -> None:
        """Dismiss who is no participant any more, which no entry says of an erased user."""
        conversation = await self._serving.store.conversation(self.conversation_id)
        if conversation is not None and self.room.has(conversation.seq):
            self.know(conversation)
            for occupant in [self.occupants[sid] for sid in self.room.live]:
                if occupant.uid not in conversation.participants:
                    occupant.dismiss(self.conversation_id, "removed")

    def _filled(self, filling: asyncio.Task[None]) -> None:
        self.filling = None
        if filling.cancelled():
            return
        if (defect := filling.exception()) is not None:  # to begin again at once would spin
            log.error("a gap could not be filled; the sweep tries again", exc_info=defect)
            return
        self.fill()

    async def _fill_gaps(self) -> None:
        backoff = Backoff(FIRST_RETRY_S, RETRY_S)
        while (gap := self.room.gap) is not None:
            excerpt = await self._read(gap)
            if excerpt is None:
                await asyncio.sleep(backoff.pause())
                continue
            backoff.reset()
            if not excerpt.entries:
                self._serving.counts.empty_reads += 1
                self.room.reset_head()
                self.commits.clear()
            for envelope in self._envelopes(excerpt):
                self.receive(envelope)

    async def _read(self, gap: Gap) -> Excerpt | None:
        """The first entries of a gap, none if they are not stored; None if the store cannot be read now."""
        last = min(gap.last, gap.first + ENTRIES_PER_READ - 1)
        try:
            excerpt = await self._serving.store.entries(self.conversation_id, gap.first, last)
        except Unavailable:
            return None
        except Exception:
            log.exception("a gap could not be read")
            return None
        if excerpt is None:
            self.dismiss_all()
            return Excerpt((), (), 0)
        known = self.erasures or 0
        return excerpt if excerpt.erasures >= known else None  # read before messages were emptied

    def _envelopes(self, excerpt: Excerpt) -> Iterator[Envelope]:
        """What the store has, for the sockets of the room."""
        for entry in excerpt.entries:
            yield Envelope(entry.seq, self._located(entry), UNKNOWN, excerpt.readers)

    def _located(self, entry: Entry) -> Entry:
        if not isinstance(entry, ConversationChanged) or entry.conversation is None:
            return entry
        return entry.model_copy(update={"conversation": self._serving.locate(entry.conversation)})

    def _deliver(self) -> None:
        """Send the entries that are next in order."""
        while (delivery := self.room.next_delivery()) is not None:
            taken = self._send(delivery.sids, delivery.item) if delivery.sids else 0
            self._serving.counts.deliveries += taken
            if taken:
                self._serving.delivered(delivery.item.entry, taken, delivery.item.commit)

    def _catch_up(self, sid: str, envelopes: Iterable[Envelope]) -> None:
        """Send a socket the entries delivered during its join, as long as it is in the room."""
        for envelope in envelopes:
            if sid in self.room:
                self._send([sid], envelope)

    def _send(self, sids: Collection[str], envelope: Envelope) -> int:
        """Send an entry, and evict slow readers and removed members; returns how many sockets took it.

        Whoever had lost access when the entry was read gets nothing of what later entries made.
        """
        entry, readers = envelope.entry, envelope.readers
        lesser = entry if readers is None else entry.without_later_state()
        if readers is None or lesser is entry:
            taken = self._send_to(sids, entry)
        else:
            lost = [sid for sid in sids if self.occupants[sid].uid not in readers]
            taken = self._send_to([sid for sid in sids if sid not in lost], entry)
            taken += self._send_to(lost, lesser)
        if isinstance(entry, ConversationChanged):
            self._adjust(sids, entry, readers)
        return taken

    def _send_to(self, sids: Collection[str], entry: Entry) -> int:
        if not sids:
            return 0
        sent = self._serving.server.send_event(sids, entry.kind, entry)
        for sid in sent.slow:
            self.occupants[sid].resync(self.conversation_id, entry.seq - 1)
        return sent.taken

    def _adjust(
        self, sids: Collection[str], entry: ConversationChanged, readers: Collection[str] | None
    ) -> None:
        """Let the users of these sockets do what they may from this entry on, or go.

        The entry that removes a user who was erased since names nobody any more, whoever made it. It is
        not to be told from others that named an erased user only: who has lost access goes at the first.
        """
        if entry.conversation is not None:
            self.know(entry.conversation)
        nameless = readers is not None and entry.changes == Changes()
        for occupant in [self.occupants[sid] for sid in sids if sid in self.occupants]:
            lost = nameless and readers is not None and occupant.uid not in readers
            if lost or occupant.uid in entry.changes.removed:
                occupant.dismiss(self.conversation_id, "removed")
            elif entry.conversation is not None:
                occupant.adjust(entry.conversation)
