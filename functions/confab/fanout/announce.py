"""Announcers: hand a stored entry to the rooms of this process and to the bus."""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from confab.aio import spawn
from confab.domain.entries import Entry
from confab.domain.errors import Unavailable
from confab.domain.events import (
    Event,
    Typing,
    TypingState,
    deletion_of,
    erasure_of,
    event_of,
)
from confab.domain.models import current_time
from confab.ports.bus import Publisher

log = logging.getLogger(__name__)

MAX_PUBLISHING = 1_000
"""Events in flight to the bus; further ones are dropped, and the rooms' sweep finds their entries."""
MAX_PUBLISHING_TYPING = 100
"""The bound for typing, which may be lost, so that entries have the rest."""
QUIET_S = 5.0
"""Seconds between two log lines about a bus that accepts nothing."""


class InlineAnnouncer:
    """Publishes each stored entry before the response, for functions.

    A function gets no CPU after it has responded, so it cannot publish later. Its publisher should
    give up early: the rooms find an entry whose event is lost in the store.
    """

    def __init__(self, publisher: Publisher, *, origin: str) -> None:
        self._publisher = publisher
        self._origin = origin

    async def announce(self, entry: Entry) -> None:
        """Publish the entry's event. A failure is not raised: the publisher has logged it."""
        await self._publish(event_of(entry, origin=self._origin, at=current_time()))

    async def announce_deletion(self, conversation_id: str) -> None:
        await self._publish(deletion_of(conversation_id, origin=self._origin, at=current_time()))

    async def announce_erasure(self, uid: str) -> None:
        await self._publish(erasure_of(uid, origin=self._origin, at=current_time()))

    async def _publish(self, event: Event) -> None:
        with suppress(Unavailable):
            await self._publisher.publish(event)


class LocalRooms(Protocol):
    """The rooms of this process, which need not wait for the bus."""

    def receive(self, entry: Entry, committed_at: datetime) -> None:
        """Deliver an entry that is stored."""

    def suspect(self, conversation_id: str) -> None:
        """Look whether a conversation is still there."""

    def sweep_soon(self) -> None:
        """Compare all rooms with the store."""


class BackgroundAnnouncer:
    """Implements `Announcer` for a long-lived process: nobody waits for the bus."""

    def __init__(self, publisher: Publisher, rooms: LocalRooms, *, origin: str) -> None:
        self._publisher = publisher
        self._rooms = rooms
        self._origin = origin
        self._publishing: set[asyncio.Task[None]] = set()
        self._lost = 0
        self._logged_at = float("-inf")

    async def announce(self, entry: Entry) -> None:
        committed_at = current_time()  # a moment ago
        self._rooms.receive(entry, committed_at)
        self._begin(event_of(entry, origin=self._origin, at=committed_at), MAX_PUBLISHING)

    async def announce_deletion(self, conversation_id: str) -> None:
        self._rooms.suspect(conversation_id)
        self._begin(deletion_of(conversation_id, origin=self._origin, at=current_time()), MAX_PUBLISHING)

    async def announce_erasure(self, uid: str) -> None:
        self._rooms.sweep_soon()
        self._begin(erasure_of(uid, origin=self._origin, at=current_time()), MAX_PUBLISHING)

    def announce_typing(self, state: TypingState) -> None:
        """Begin to publish that a user of this process starts or stops typing."""
        event = Typing(
            conversation_id=state.conversation_id, data=state, origin=self._origin, at=current_time()
        )
        self._begin(event, MAX_PUBLISHING_TYPING)

    async def close(self) -> None:
        """Wait for the events in flight; each publish ends by its own deadline."""
        await asyncio.gather(*self._publishing)

    def _begin(self, event: Event, most: int) -> None:
        if len(self._publishing) >= most:
            self._count_lost()
            return
        spawn(self._publish(event), self._publishing)

    async def _publish(self, event: Event) -> None:
        try:
            await self._publisher.publish(event)
        except Unavailable:
            self._count_lost()

    def _count_lost(self) -> None:
        self._lost += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= QUIET_S:
            log.warning("the bus does not take events", extra={"lost": self._lost})
            self._lost, self._logged_at = 0, now
