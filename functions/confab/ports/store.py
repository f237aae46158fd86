"""The port of the log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from confab.domain.changes import ConversationChange, MessageChange
from confab.domain.entries import Entry
from confab.domain.entries.message import Draft, Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.models import Conversation, LogPage, Page, Status, Wire
from confab.ports.removal import Removal

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

    async def conversation(self, conversation_id: str, reader: str | None = None) -> Conversation | None:
        """The conversation; None if there is none or, at the same cost, a given `reader` may not read it."""

    async def message(
        self, conversation_id: str, seq: int, reader: str | None = None
    ) -> tuple[Conversation | None, Message | None]:
        """The conversation and its message with this number, each None if there is none.

        Both are None, at the cost of a conversation that does not exist, if a `reader` is given who may not
        read it.
        """

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
        """The entries `first` to `last`, both included, ascending; not all, if they are very long.

        The log's length costs nothing. None if there is no such conversation.
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

    def pseudonym(self, uid: str) -> str | None:
        """What stands for a user in logs: the same in every process, and no guess at the uid can be checked.

        None until the store has been reached once.
        """

    async def check(self) -> None:
        """Return if the store answers and its schema is in place; raises Unavailable."""

    async def close(self) -> None:
        """Close the connections. Calls after this raise Unavailable."""
