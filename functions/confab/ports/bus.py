"""The ports of the event bus, and of whoever hands entries to it."""

from collections.abc import AsyncIterator
from typing import Protocol

from confab.domain.entries import Entry
from confab.domain.events import Event


class Publisher(Protocol):
    """The sending side of the bus. An event only says where to look: the store has the entry."""

    async def connect(self) -> None:
        """Begin to connect, ahead of the first event. The next publish reports a failure."""

    async def publish(self, event: Event) -> None:
        """Publish an event; raises Unavailable when the bus does not accept it in time."""

    async def close(self) -> None:
        """Send the queue, within a short deadline, and close the connection."""


class Subscription(Protocol):
    """The receiving side of the bus for one process: every event of its cell's topic.

    At least once, in no guaranteed order, from some moment after `events` is first iterated.
    Entries that the process published itself may be left out.
    """

    def events(self) -> AsyncIterator[Event]:
        """The events, until closed; reconnects and recreates the subscription by itself.

        Acknowledges what it yields. An invalid message is acknowledged, counted and left out.
        Until the next event is requested, `trace.current()` is the trace in which this one was
        published.
        """

    @property
    def connected(self) -> bool:
        """Whether a stream of events is open."""

    @property
    def lag_s(self) -> float:
        """Seconds that the latest event was on the bus; 0 before the first."""

    def restart(self, *, fresh: bool) -> None:
        """Replace the connection, or if `fresh` the subscription, whose backlog is lost."""

    async def close(self) -> None:
        """Acknowledge what was received and delete the subscription, within a short deadline."""


class Announcer(Protocol):
    """Hands stored entries to the fan-out."""

    async def announce(self, entry: Entry) -> None:
        """Announce an entry that is stored.

        Never raises, and delays the caller by half a second at most: the rooms find an entry whose
        event is lost in the store.
        """

    async def announce_deletion(self, conversation_id: str) -> None:
        """Announce that a conversation is deleted, as `announce` does."""

    async def announce_erasure(self, uid: str) -> None:
        """Announce that messages of a user were emptied, as `announce` does."""
