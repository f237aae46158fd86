"""The ports: what the use cases and the rooms need from outside, and what each adapter guarantees.

Every call has a deadline, and raises Unavailable if its dependency has not answered by then, retries
included. No adapter raises anything else that is not named here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from confab.domain.changes import ConversationChange, MessageChange
from confab.domain.entries import Entry
from confab.domain.entries.message import Draft, Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.events import Event
from confab.domain.models import (
    Conversation,
    LogPage,
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
class Excerpt:
    """Some entries of a log, and who could read them when they were read."""

    entries: Sequence[Entry]
    readers: Collection[str]
    """Uids. Whoever is not among them lost access, and may see no state that a later entry made."""
    erasures: int
    """Those of the conversation at that moment."""


@dataclass(frozen=True, slots=True)
class Head:
    """What tells whether a room has everything of its log."""

    seq: int
    """The number of the newest entry; 0 when the log is empty."""
    erasures: int
    """How often messages of an erased user were emptied."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """Messages of a conversation that were emptied together, because their author was erased."""

    number: int
    """1, 2, 3 … in their conversation."""
    seqs: Sequence[int]


@dataclass(frozen=True, slots=True)
class Emptied:
    """What a step of an erasure did."""

    messages: int
    done: bool
    """Whether the conversation has nothing of the user any more."""


class Removal(Protocol):
    """Removes conversations and users, in steps that hold the store for a few milliseconds each.

    Every step is safe to repeat, survives a crash whole or not at all, and raises Unavailable.
    """

    async def delete(
        self, conversation: Conversation, *, now: datetime, only_if_silent: bool = False
    ) -> bool:
        """Delete a conversation for everyone: from now on there is none with this id.

        False, and nothing happens, if it is no longer as the caller has read it; new messages and
        changed ones count `only_if_silent`.
        """

    async def inactive(self, before: datetime) -> Sequence[str]:
        """Some conversations whose last activity was before this time, or a few seconds later."""

    async def purge(self) -> bool:
        """Remove a part of what deleted conversations have left; whether there may be more."""

    async def begin(self, uid: str, *, now: datetime) -> str | None:
        """Note that a user is being erased; returns a conversation that the user is or was in.

        Without one the erasure is finished: the user's idempotency keys and the note go.
        """

    async def unfinished(self, *, now: datetime) -> tuple[str | None, str | None]:
        """A user who is being erased, and a conversation as `begin` does; None if there is none."""

    async def leave_finalized(self, uid: str, conversation_id: str) -> None:
        """Take a member out of a finalized conversation, without an entry."""

    async def empty(self, uid: str, conversation_id: str, *, now: datetime) -> Emptied:
        """Empty a part of what the user has written in a conversation and is no participant of."""

    async def erasures(self, conversation_id: str, after: int) -> Sequence[Erasure]:
        """Erasures of a conversation after the number `after`, ascending; maybe not all."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a user's list of conversations: after the one that it names."""

    updated_at: datetime
    conversation_id: str


class Store(Protocol):
    """The log: the one truth about every conversation. Safe for concurrent use.

    A write that returned survives a crash of any process. A write that raised Unavailable may have
    happened; a retry with the same idempotency key is safe.
    """

    async def create(self, conversation: Conversation, key: str | None, *, now: datetime) -> Created:
        """Store a new conversation.

        If the same owner used the `key` in the last 24 hours, or a little longer, store nothing and
        return the first conversation as it is now. Raises IdempotencyConflict if that was created
        with another body (`Conversation.body`), and NotFound if it is deleted or its creator may no
        longer read it.
        """

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """The conversation, or None."""

    async def message(self, conversation_id: str, seq: int) -> tuple[Conversation | None, Message | None]:
        """The conversation and its message with this number, each None if there is none."""

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

        The page begins after the entry `after`, or ends before the entry `before`, or at the head. It
        may be cut once it has `max_chars` characters of content and metadata, counted from there, but
        never to nothing. The cost depends on the page, not on the length of the log. None if the
        reader may not read, at the cost of a conversation that does not exist.
        """

    async def log(
        self, conversation_id: str, reader: str, limit: int, *, after: int, max_chars: int = ANY_SIZE
    ) -> LogPage | None:
        """The conversation and at most `limit` entries after the number `after`, as `page` promises."""

    async def entries(self, conversation_id: str, first: int, last: int) -> Excerpt | None:
        """The entries `first` to `last`, both included, ascending. The log's length costs nothing.

        None if there is no such conversation.
        """

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        """The head of each of these conversations that exists, in one query."""

    async def conversations(
        self, user: str, *, status: Status | None, after: Cursor | None, limit: int
    ) -> list[Wire]:
        """The conversations that `user` owns or is a member of, latest activity first, as clients see them.

        At most `limit`, starting after the cursor; by id where `updated_at` is the same. The cost is
        independent of how many the user has.
        """

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        """Give the draft the next number of its conversation and store it, in one transaction.

        The transaction itself checks that the author may write the draft: an author who is removed by
        entry n writes nothing that is numbered after n. If its author used the client message id before
        in this conversation, store nothing and return that message as it is now, also after the
        finalization. `created_at` is `now`, or the time of the entry before it if that is later: times
        never run backwards along a log. Numbers have no gaps or duplicates, whatever runs concurrently.

        Raises NotFound for strangers, IdempotencyConflict if the first message was sent with another
        body, Forbidden (`access.require_write`), ConversationFinalized, and InvalidRequest if
        `in_reply_to` is no message.
        """

    async def change_conversation(self, change: ConversationChange, *, now: datetime) -> Conversation | None:
        """Store a change of the conversation itself with its entry, in one transaction.

        Returns the conversation as the change made it; `change.entry` is the entry. Stores nothing and
        returns None if the conversation is no longer as the change was decided on, new messages and
        changed ones aside: read it again and decide again.
        """

    async def change_message(self, change: MessageChange, *, now: datetime) -> MessageChanged | None:
        """Store a change of a message with its entry, in one transaction, and return the entry.

        Stores nothing and returns None if the conversation or the message is no longer as the change was
        decided on. None of the message's earlier words survive, but a retry of its first body still
        counts as the same, until it is deleted.
        """

    @property
    def removal(self) -> Removal:
        """Removes conversations and users from it."""

    @property
    def conflicts(self) -> int:
        """How many transactions were aborted for a conflict, and retried."""

    async def check(self) -> None:
        """Return if the store answers and its schema is in place; raises Unavailable."""

    async def close(self) -> None:
        """Close the connections. Calls after this raise Unavailable."""


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


class TokenVerifier(Protocol):
    """Verifies the identity of callers."""

    async def verify(self, token: str) -> Principal:
        """The caller that a Firebase ID token stands for.

        Raises Unauthenticated, TokenExpired or TokenRevoked, and Unavailable if the keys or the user
        record cannot be fetched: it fails closed. Accepts one spelling of a token only.
        """

    async def revoked(self, principals: Collection[Principal]) -> Collection[Principal]:
        """Those of these verified callers who are revoked; not those who cannot be looked up now."""

    async def check(self) -> None:
        """Return if the keys are available; raises Unavailable."""

    async def close(self) -> None:
        """End threads and connections."""


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


Metric = Literal[
    "confab.deliveries",
    "confab.gaps.filled",
    "confab.sweeps",
    "confab.conflicts.retried",
    "confab.sockets",
    "confab.rooms",
    "confab.bus.lag",
]
"""Metrics that the process counts and telemetry reads."""


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
        """End the span with this task, started within it, and not with its context."""


class Telemetry(Protocol):
    """What operators see of a process. Nothing here raises or blocks."""

    def span(self, name: str, parent: Trace | None) -> AbstractContextManager[Span]:
        """A span around the context, in the parent's trace or a new one."""

    def delivered(self, entry: Entry, sockets: int, commit: Commit) -> None:
        """Record that an entry was sent to so many live sockets, in the trace of its commit."""

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Register a metric, which any thread may read when metrics are collected."""

    async def close(self) -> None:
        """Send what is not sent yet, within a short deadline."""
