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
    MessageView,
    Status,
    canonical,
)
from confab.ports import Appended, Closed, Created, End, Place

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
        """As the port promises."""
        self._require_open()
        if key is not None:
            earlier, at = self._created.get((conversation.owner, key), (None, now))
            if earlier is not None and (now - at).total_seconds() < KEY_LIFETIME_S:
                return Created(self._logs[earlier].conversation, new=earlier == conversation.id)
            self._created[conversation.owner, key] = (conversation.id, now)
        log = self._logs.setdefault(conversation.id, _Log(conversation))
        return Created(log.conversation, new=True)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """As the port promises."""
        self._require_open()
        log = self._logs.get(conversation_id)
        return None if log is None else log.conversation

    async def newest(
        self, conversation_id: str, limit: int, *, enough: int | None = None
    ) -> tuple[Conversation, list[MessageView]] | None:
        """As the port promises."""
        self._require_open()
        log = self._logs.get(conversation_id)
        return None if log is None else (log.conversation, _views(log.messages[-limit:], "last", enough))

    async def messages(
        self,
        conversation_id: str,
        first: int,
        last: int,
        *,
        nearest: End = "last",
        enough: int | None = None,
    ) -> list[MessageView]:
        """As the port promises."""
        return _views(self._range(conversation_id, first, last), nearest, enough)

    async def entries(self, conversation_id: str, first: int, last: int) -> list[Entry]:
        """As the port promises."""
        entries: list[Entry] = list(self._range(conversation_id, first, last))
        log = self._logs.get(conversation_id)
        if log is not None and log.conversation.status == "finalized":
            entries += [log.finalized()] if first <= log.conversation.seq <= last else []
        return entries

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, int]:
        """As the port promises."""
        self._require_open()
        return {one: self._logs[one].conversation.seq for one in conversation_ids if one in self._logs}

    async def conversations(
        self, user: str, *, status: Status | None, behind: Place | None, limit: int
    ) -> list[Conversation]:
        """As the port promises, except that the cost grows with how many conversations there are."""
        self._require_open()
        found = sorted(
            (
                log.conversation
                for log in self._logs.values()
                if user in log.conversation.participants and status in (None, log.conversation.status)
            ),
            key=lambda one: _order(one.updated_at, one.id),
        )
        if behind is not None:
            after = _order(behind.updated_at, behind.conversation_id)
            found = [one for one in found if _order(one.updated_at, one.id) > after]
        return found[:limit]

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        """As the port promises."""
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
        """As the port promises."""
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
        """As the port promises."""
        self._require_open()

    async def close(self) -> None:
        """As the port promises."""
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


def _views(messages: list[Message], nearest: End, enough: int | None) -> list[MessageView]:
    kept: list[MessageView] = []
    size = 0
    for message in messages if nearest == "first" else reversed(messages):
        size += len(message.content) + len(canonical(message.metadata))
        if kept and enough is not None and size > enough:
            break
        kept.append(message.view())
    return kept if nearest == "first" else kept[::-1]


def _order(updated_at: datetime, conversation_id: str) -> tuple[float, str]:
    return (-updated_at.timestamp(), conversation_id)
