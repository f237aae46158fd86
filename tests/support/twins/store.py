"""The log in memory: the twin of the real store, for tests of what is built on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from confab.domain.access import NO_CONVERSATION
from confab.domain.errors import ConversationFinalized, NotFound, Unavailable
from confab.domain.models import (
    Conversation,
    Draft,
    Entry,
    Finalized,
    Message,
    Page,
    Status,
    Wire,
    canonical,
)
from confab.ports import ANY_SIZE, Appended, Closed, Created, Cursor

KEY_LIFETIME_S = 25 * 3600


@dataclass(slots=True)
class _Log:
    conversation: Conversation
    messages: list[Message] = field(default_factory=list)
    sent: dict[tuple[str, str], Message] = field(default_factory=dict)
    """By author and client message id."""

    def finalized(self) -> Finalized:
        """The entry that closed this log."""
        assert self.conversation.finalized_at is not None
        return Finalized(
            conversation_id=self.conversation.id,
            seq=self.conversation.seq,
            finalized_at=self.conversation.finalized_at,
        )


class MemoryStore:
    """The `Store` port for one event loop of one process.

    No method waits in its middle, so each is atomic. Nothing survives the process.
    """

    conflicts = 0

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}
        self._created: dict[tuple[str, str], tuple[str, datetime]] = {}
        self._closed = False

    async def create(self, conversation: Conversation, key: str | None, *, now: datetime) -> Created:
        self._require_open()
        if key is not None:
            earlier, at = self._created.get((conversation.owner, key), (None, now))
            if earlier is not None and (now - at).total_seconds() < KEY_LIFETIME_S:
                return Created(self._logs[earlier].conversation, new=earlier == conversation.id)
            self._created[conversation.owner, key] = (conversation.id, now)
        log = self._logs.setdefault(conversation.id, _Log(conversation))
        return Created(log.conversation, new=True)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        self._require_open()
        log = self._logs.get(conversation_id)
        return None if log is None else log.conversation

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
        self._require_open()
        log = self._logs.get(conversation_id)
        if log is None or reader not in log.conversation.participants:
            return None
        if after is None:
            found = log.messages[: len(log.messages) if before is None else before - 1][-limit:]
            return Page(log.conversation, _fitting(found[::-1], max_chars)[::-1])
        return Page(log.conversation, _fitting(log.messages[after : after + limit], max_chars), forward=True)

    async def entries(self, conversation_id: str, first: int, last: int) -> list[Entry]:
        entries: list[Entry] = list(self._range(conversation_id, first, last))
        log = self._logs.get(conversation_id)
        if log is not None and log.conversation.status == "finalized":
            entries += [log.finalized()] if first <= log.conversation.seq <= last else []
        return entries

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, int]:
        self._require_open()
        return {one: self._logs[one].conversation.seq for one in conversation_ids if one in self._logs}

    async def conversations(
        self, user: str, *, status: Status | None, after: Cursor | None, limit: int
    ) -> list[Wire]:
        self._require_open()
        found = sorted(
            (
                log.conversation
                for log in self._logs.values()
                if user in log.conversation.participants and status in (None, log.conversation.status)
            ),
            key=lambda one: _order(one.updated_at, one.id),
        )
        if after is not None:
            start = _order(after.updated_at, after.conversation_id)
            found = [one for one in found if _order(one.updated_at, one.id) > start]
        return [one.wire() for one in found[:limit]]

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        log = self._log(draft.conversation_id)
        key = None if draft.client_message_id is None else (draft.author, draft.client_message_id)
        if key is not None and key in log.sent:
            return Appended(log.sent[key], new=False)
        if log.conversation.status == "finalized":
            raise ConversationFinalized("This conversation is finalized.")
        at = max(now, log.conversation.updated_at)
        message = draft.numbered(log.conversation.seq + 1, at)
        log.messages.append(message)
        if key is not None:
            log.sent[key] = message
        log.conversation = log.conversation.model_copy(update={"seq": message.seq, "updated_at": at})
        return Appended(message, new=True)

    async def finalize(self, conversation_id: str, *, now: datetime) -> Closed:
        log = self._log(conversation_id)
        new = log.conversation.status == "active"
        if new:
            at = max(now, log.conversation.updated_at)
            log.conversation = log.conversation.model_copy(
                update={
                    "seq": log.conversation.seq + 1,
                    "status": "finalized",
                    "updated_at": at,
                    "finalized_at": at,
                }
            )
        return Closed(log.conversation, log.finalized(), new=new)

    async def check(self) -> None:
        self._require_open()

    async def close(self) -> None:
        self._closed = True

    def _range(self, conversation_id: str, first: int, last: int) -> list[Message]:
        self._require_open()
        log = self._logs.get(conversation_id)
        return [] if log is None else log.messages[max(first, 1) - 1 : max(last, 0)]

    def _log(self, conversation_id: str) -> _Log:
        self._require_open()
        if conversation_id not in self._logs:
            raise NotFound(NO_CONVERSATION)
        return self._logs[conversation_id]

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable("The store is closed.")


def _fitting(messages: Sequence[Message], max_chars: int) -> list[Wire]:
    """The first of these that have so many characters together, and at least one."""
    kept: list[Wire] = []
    size = 0
    for message in messages:
        size += len(message.content) + len(canonical(message.metadata))
        if kept and size > max_chars:
            break
        kept.append(message.wire())
    return kept


def _order(updated_at: datetime, conversation_id: str) -> tuple[float, str]:
    return (-updated_at.timestamp(), conversation_id)
