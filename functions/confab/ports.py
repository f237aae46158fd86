"""What the use cases and the rooms need from outside, and what each adapter guarantees.

Every call has a deadline of its own. A dependency that does not answer within it, after a
bounded number of retries, is the error Unavailable; no adapter raises anything else that is
not named here, and none waits without end.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from confab.domain.events import Event
from confab.domain.models import (
    Conversation,
    Draft,
    Entry,
    Finalized,
    Message,
    Page,
    Principal,
    Status,
    Wire,
)
from confab.trace import Trace

ANY_SIZE = 2**53 - 1
"""A bound in characters that no page meets."""


@dataclass(frozen=True, slots=True)
class Created:
    """What `Store.create` stored, or had stored for the same key."""

    conversation: Conversation
    new: bool


@dataclass(frozen=True, slots=True)
class Appended:
    """What `Store.append` stored, or had stored for the same client message id."""

    message: Message
    new: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """A finalized conversation and the entry that closed its log."""

    conversation: Conversation
    entry: Finalized
    new: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a user's list of conversations: after the one that it names."""

    updated_at: datetime
    conversation_id: str


class Store(Protocol):
    """The log: the one truth about every conversation. Safe for concurrent use.

    A write that returned survives a crash of any process. A write that raised Unavailable may or
    may not have happened; repeating it with the same key is safe.
    """

    async def create(self, conversation: Conversation, key: str | None, *, now: datetime) -> Created:
        """Store a new conversation.

        With a `key` that the same owner used in the last 24 hours (at least), store nothing and
        return the conversation of that time as it is now, `new` being False. The two are not
        compared here.
        """

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """The conversation, or None if there is none."""

    async def page(
        self,
        conversation_id: str,
        reader: str,
        limit: int,
        *,
        after: int | None = None,
        before: int | None = None,
        max_chars: int = ANY_SIZE,
    ) -> Page | None:
        """The conversation and a page of at most `limit` messages: one consistent view, in one query.

        The page begins after the entry `after`, or it ends before the entry `before`, or at the
        newest. What is farther from there may be left out once the rest has `max_chars` characters
        of content and metadata, but where there is a message, there is one on the page. The cost
        depends on the page, not on the length of the log.

        None if the reader may not read, at the cost of a conversation that does not exist.
        """

    async def entries(self, conversation_id: str, first: int, last: int) -> list[Entry]:
        """The entries numbered `first` to `last`, both included, ascending.

        The cost depends on how many there are in the range, not on the length of the log.
        """

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, int]:
        """The newest sequence number of each of these conversations that exists, in one query."""

    async def conversations(
        self, user: str, *, status: Status | None, after: Cursor | None, limit: int
    ) -> list[Wire]:
        """The conversations that `user` owns or is a member of, latest activity first, as clients see them.

        At most `limit`, starting after the cursor. The cost does not grow with how many the user
        has. Conversations with the same `updated_at` come in the order of their ids.
        """

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        """Give the draft the next number of its conversation and store it, in one transaction.

        A draft whose client message id its author used before in this conversation stores nothing
        and returns the first message, also after the finalization; the two are not compared here.
        `created_at` is `now`, or the conversation's `updated_at` if that is later: times never
        run backwards along a log.

        Raises NotFound if there is no such conversation, ConversationFinalized if its log is
        closed. Whatever runs at the same time, the numbers have no gap and no repeat.
        """

    async def finalize(self, conversation_id: str, *, now: datetime) -> Closed:
        """Close the log with an entry that takes its last number, in one transaction.

        A conversation that is finalized already is returned as it is, `new` being False.
        Raises NotFound if there is no such conversation.
        """

    @property
    def conflicts(self) -> int:
        """How many transactions met a faster one and were aborted, to be tried again."""

    async def check(self) -> None:
        """Return if the store answers and its schema is in place; raises Unavailable."""

    async def close(self) -> None:
        """Give back the connections. Calls after this raise Unavailable."""


class Publisher(Protocol):
    """The sending side of the bus. An event only says where to look: the store has the entry."""

    async def connect(self) -> None:
        """Begin to connect, ahead of the first event. A failure shows again in the next publish."""

    async def publish(self, event: Event) -> None:
        """Publish an event; raises Unavailable when the bus does not accept it in time."""

    async def close(self) -> None:
        """Send the queue, within a short deadline, and close the connection."""


class Subscription(Protocol):
    """The receiving side of the bus for one process: every event of every conversation.

    At least once, in no guaranteed order, from some moment after `events` is first iterated.
    Entries that the process published itself may be left out.
    """

    def events(self) -> AsyncIterator[Event]:
        """The events, for ever; reconnects and recreates the subscription by itself.

        Acknowledges what it yields. An invalid message is acknowledged, counted and left out.
        Until the next event is requested, `trace.current()` is the trace in which this one was
        published.
        """

    @property
    def connected(self) -> bool:
        """Whether the bus is delivering to this subscription right now."""

    @property
    def lag_s(self) -> float:
        """Seconds for which the newest message was on the bus; 0 before the first."""

    def restart(self, *, fresh: bool) -> None:
        """Replace a subscription that delivers nothing: its connection, or the whole if `fresh`.

        A fresh subscription does not have the messages that the old one held.
        """

    async def close(self) -> None:
        """Acknowledge what was received and delete the subscription, within a short deadline."""


class TokenVerifier(Protocol):
    """Verifies the identity of callers."""

    async def verify(self, token: str) -> Principal:
        """The caller that a Firebase ID token stands for.

        Raises Unauthenticated, TokenExpired or TokenRevoked, and Unavailable if the keys or the
        user record cannot be fetched: it fails closed. A token has one spelling.
        """

    async def revoked(self, principals: Collection[Principal]) -> Collection[Principal]:
        """Those of these callers, once verified, whose user is disabled, deleted or revoked since.

        Users who cannot be looked up now are not among them.
        """

    async def check(self) -> None:
        """Return if the keys are available; raises Unavailable."""

    async def close(self) -> None:
        """End threads and connections."""


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """The current instant in UTC, to the millisecond."""


class Announcer(Protocol):
    """Hands stored entries to the fan-out."""

    async def announce(self, entry: Entry) -> None:
        """Announce an entry that is stored.

        Never raises, and delays the caller by half a second at most: the rooms find an entry whose
        event is lost in the store.
        """


Metric = Literal[
    "confab.deliveries",
    "confab.gaps.filled",
    "confab.sweeps",
    "confab.conflicts.retried",
    "confab.sockets",
    "confab.rooms",
    "confab.bus.lag",
]
"""Figures that a process keeps itself; telemetry reads them."""


class Commit(NamedTuple):
    """An entry's commit, as far as it is known; an entry that was read from the store has none."""

    at: datetime | None = None
    trace: Trace | None = None
    """The trace in which it was written."""


class Span(Protocol):
    """An operation that may be recorded."""

    def note(self, name: str, value: str | int) -> None:
        """Attach an attribute. A status of 500 and above marks the span as failed."""

    def until(self, work: asyncio.Task[Any]) -> None:
        """Let the span end with this task, begun within it, and not with its context."""


class Telemetry(Protocol):
    """What operators see of a process. Nothing here raises, blocks, or costs much where it is off."""

    def span(self, name: str, parent: Trace | None) -> AbstractContextManager[Span]:
        """The work within the context, as part of the parent's trace or of a new one."""

    def delivered(self, entry: Entry, sockets: int, commit: Commit) -> None:
        """An entry was sent to so many live sockets, as part of the trace of its commit."""

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Have a metric read, on whichever thread, whenever metrics are collected."""

    async def close(self) -> None:
        """Send what is not sent yet, within a short deadline."""
