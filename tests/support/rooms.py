"""Rooms over a store that can fail, with a transport that keeps what is sent."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from confab.domain.changes import remove_member
from confab.domain.entries import Entry
from confab.domain.errors import Unavailable
from confab.domain.models import Conversation
from confab.ports.removal import Erasure
from confab.ports.store import Excerpt, Head
from confab.ports.telemetry import Commit
from confab.realtime.rooms import Rooms
from confab.realtime.served import Reason
from confab.realtime.socketio.api import Sent
from tests.support.samples import NOW, draft, message, principal
from tests.support.twins.store import MemoryStore

ROOM = "c1"
AWAY, DEFECT = Unavailable("The store does not answer."), RuntimeError("a defect")


class FlakyStore(MemoryStore):
    """A memory store whose reads can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.error_after = 0
        """The reads that still succeed before `error` is raised."""
        self.reads = 0

    async def entries(self, conversation_id: str, first: int, last: int) -> Excerpt | None:
        self._answer()
        await asyncio.sleep(0)  # a room that reads for ever then fails a test instead of hanging it
        return await super().entries(conversation_id, first, last)

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        self._answer()
        return await super().heads(conversation_ids)

    def _answer(self) -> None:
        self.reads += 1
        if self.error is not None:
            self.error_after -= 1
            if self.error_after < 0:
                raise self.error


class Socket:
    """Implements `Occupant`."""

    def __init__(self, world: "World", sid: str) -> None:
        self.sid = sid
        self.uid = sid
        self._world = world

    def erased(self, conversation_id: str, erasure: Erasure) -> None:
        self._world.events.append((self.sid, (conversation_id, erasure)))

    def adjust(self, conversation: Conversation) -> None:
        self._world.events.append((self.sid, conversation))

    def dismiss(self, conversation_id: str, reason: Reason) -> None:
        self._world.rooms.leave(conversation_id, self.sid)
        self._world.events.append((self.sid, reason))

    def resync(self, conversation_id: str, after: int) -> None:
        self._world.rooms.leave(conversation_id, self.sid)
        self._world.resyncs.append((self.sid, after))


class World:
    """Rooms, their store, and what their sockets were sent. Stands in for the transport.

    A socket does not take the entries for which it is `slow`.
    """

    def __init__(self) -> None:
        self.store = FlakyStore()
        transport: Any = self
        self.rooms = Rooms(
            self.store,
            transport,
            locate=lambda one: one,
            delivered=lambda entry, *rest: self.delivered.append((entry.seq, *rest)),
        )
        self.delivered: list[tuple[int, int, Commit]] = []
        """Of each delivery the entry's number, to how many sockets it went, and its commit."""
        self.seqs = defaultdict[str, list[int]](list)
        self.slow: set[tuple[str, int]] = set()
        self.resyncs: list[tuple[str, int]] = []
        self.events: list[tuple[str, object]] = []
        """What sockets were told beside entries."""

    def send_event(self, sids: Collection[str], event: str, data: Entry) -> Sent:
        assert event == data.kind
        slow = [sid for sid in sids if (sid, data.seq) in self.slow]
        for sid in set(sids) - set(slow):
            self.seqs[sid].append(data.seq)
        return Sent(len(sids) - len(slow), slow)

    def begin(self, *sids: str) -> None:
        for sid in sids:
            self.rooms.begin_join(ROOM, Socket(self, sid))

    async def finish(self, sid: str, position: int, erasures: int | None = None) -> None:
        await self.rooms.finish_join(ROOM, Socket(self, sid), position, erasures)

    async def join(self, *sids: str) -> None:
        for sid in sids:
            self.begin(sid)
            await self.finish(sid, 0)

    async def remove(self, uid: str, *, erased: bool = True) -> None:
        """The owner removes a member, and then all traces of the member go."""
        change = remove_member(await self.store.conversation(ROOM), principal(), uid)
        assert change is not None
        await self.store.change_conversation(change, now=NOW)
        if erased:
            await self.store.removal.begin(uid, now=NOW)
            await self.store.removal.empty(uid, ROOM, now=NOW)

    async def write(self, count: int) -> None:
        for _ in range(count):
            await self.store.append(draft(conversation_id=ROOM), now=NOW)

    def receive(self, *seqs: int) -> None:
        """Receive entries that the process itself has stored."""
        for seq in seqs:
            self.rooms.receive(message(seq, ROOM))

    def announce(self, *seqs: int, room: str = ROOM) -> None:
        """Receive events of the bus that name these numbers."""
        for seq in seqs:
            self.rooms.advance_head(room, seq, NOW)

    async def overtaken(self, slow: str, fast: str, *, head: int = 5) -> None:
        """Two join; the fast one reaches the head while the slow one still reads."""
        self.begin(slow, fast)
        await self.write(head)
        await self.finish(fast, head)
