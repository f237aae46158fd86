"""The log in memory: the twin of the real store, for tests of what is built on it."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from confab.domain import access
from confab.domain.access import NO_CONVERSATION
from confab.domain.changes import ConversationChange, MessageChange, require_active
from confab.domain.entries import Entry
from confab.domain.entries.conversation_changed import ConversationChanged
from confab.domain.entries.message import ANOTHER_BODY, Draft, Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.errors import IdempotencyConflict, InvalidRequest, NotFound, Unavailable
from confab.domain.models import ANOTHER_CONVERSATION, Conversation, LogPage, Page, Status, Wire, canonical
from confab.ports.store import ANY_SIZE, Appended, Created, Cursor, Excerpt, Head
from tests.support.twins.removal import MemoryRemoval

KEY_LIFETIME_S = 25 * 3600


@dataclass(slots=True)
class _Log:
    conversation: Conversation
    entries: list[Entry] = field(default_factory=list)
    """Entry n at index n - 1, as it was when it was stored."""
    messages: dict[int, Message] = field(default_factory=dict)
    """As they are now, by number, ascending."""
    sent: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """By author and client message id: the message's number and the body that was first sent."""
    participated: set[str] = field(default_factory=set)
    """The uids of everyone who is or was in the conversation."""

    def __post_init__(self) -> None:
        self.participated |= set(self.conversation.participants)

    def now(self, entry: Entry) -> Entry:
        """The entry with the state that it carries as that is now."""
        match entry:
            case Message():
                return self.messages[entry.seq]
            case MessageChanged():
                assert entry.message is not None
                return entry.model_copy(update={"message": self.messages[entry.message.seq]})
            case ConversationChanged():
                return entry.model_copy(update={"conversation": self.conversation})
        return entry

    @property
    def at(self) -> datetime:
        """The time of the newest entry, or of the creation."""
        return max([self.conversation.updated_at, *(entry.at for entry in self.entries[-1:])])


class MemoryStore:
    """The `Store` port for one event loop of one process.

    No method waits in its middle, so each is atomic. Nothing survives the process.
    """

    conflicts = 0

    def __init__(self) -> None:
        self.removal = MemoryRemoval(self)
        self.logs: dict[str, _Log] = {}
        self.created: dict[tuple[str, str], tuple[str, datetime, str]] = {}
        self._closed = False
        self._key = secrets.token_bytes()

    async def create(self, conversation: Conversation, key: str | None, *, now: datetime) -> Created:
        self._require_open()
        if key is not None:
            earlier, at, body = self.created.get((conversation.owner, key), (None, now, ""))
            if earlier is not None and (now - at).total_seconds() < KEY_LIFETIME_S:
                found = self._log(earlier).conversation
                access.standing(found, conversation.owner)
                if body != conversation.body:
                    raise IdempotencyConflict(ANOTHER_CONVERSATION)
                return Created(found, new=earlier == conversation.id)
            self.created[conversation.owner, key] = (conversation.id, now, conversation.body)
        log = self.logs.setdefault(conversation.id, _Log(conversation))
        return Created(log.conversation, new=True)

    async def conversation(self, conversation_id: str, reader: str | None = None) -> Conversation | None:
        log = self._read_by(conversation_id, reader)
        return None if log is None else log.conversation

    async def message(
        self, conversation_id: str, seq: int, reader: str | None = None
    ) -> tuple[Conversation | None, Message | None]:
        log = self._read_by(conversation_id, reader)
        return (None, None) if log is None else (log.conversation, log.messages.get(seq))

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
        log = self._read_by(conversation_id, reader)
        if log is None:
            return None
        messages = list(log.messages.values())
        if after is None:
            found = [one for one in messages if before is None or one.seq < before][-limit:]
            return Page(log.conversation, _fitting(found[::-1], max_chars)[::-1])
        found = [one for one in messages if one.seq > after][:limit]
        return Page(log.conversation, _fitting(found, max_chars), forward=True)

    async def log(
        self, conversation_id: str, reader: str, limit: int, *, after: int, max_chars: int = ANY_SIZE
    ) -> LogPage | None:
        log = self._read_by(conversation_id, reader)
        if log is None:
            return None
        found = [log.now(entry) for entry in log.entries[after : after + limit]]
        return LogPage(log.conversation, after, _fitting(found, max_chars))

    async def entries(self, conversation_id: str, first: int, last: int) -> Excerpt | None:
        self._require_open()
        log = self.logs.get(conversation_id)
        if log is None:
            return None
        found = [log.now(entry) for entry in log.entries[max(first, 1) - 1 : max(last, 0)]]
        return Excerpt(found, frozenset(log.conversation.participants), log.conversation.erasures)

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        self._require_open()
        found = {one: self.logs[one].conversation for one in conversation_ids if one in self.logs}
        return {one: Head(conversation.seq, conversation.erasures) for one, conversation in found.items()}

    async def conversations(
        self, user: str, *, status: Status | None, after: Cursor | None, limit: int
    ) -> list[Wire]:
        self._require_open()
        found = sorted(
            (
                log.conversation
                for log in self.logs.values()
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
        standing = access.standing(log.conversation, draft.author)
        key = None if draft.client_message_id is None else (draft.author, draft.client_message_id)
        if key is not None and key in log.sent:
            seq, body = log.sent[key]
            message = log.messages[seq]
            if message.deleted_at is None and body != draft.body:
                access.require_write(standing, draft.role, agent=draft.agent)
                raise IdempotencyConflict(ANOTHER_BODY)
            return Appended(message, new=False)
        access.require_write(standing, draft.role, agent=draft.agent)
        require_active(log.conversation)
        if draft.in_reply_to is not None and draft.in_reply_to not in log.messages:
            raise InvalidRequest.field("inReplyTo", "is the number of no message here")
        at, seq = max(now, log.at), log.conversation.seq + 1
        message = draft.numbered(seq, len(log.messages) + 1, at)
        log.entries.append(message)
        log.messages[seq] = message
        if key is not None:
            log.sent[key] = (seq, draft.body)
        update = {"seq": seq, "message_count": message.ordinal, "updated_at": at}
        log.conversation = log.conversation.model_copy(update=update)
        return Appended(message, new=True)

    async def change_conversation(self, change: ConversationChange, *, now: datetime) -> Conversation | None:
        self._require_open()
        log = self.logs.get(change.before.id)
        if log is None or log.conversation.revision != change.before.revision:
            return None
        at, found = max(now, log.at), log.conversation
        update = {
            "title": change.after.title,
            "owner": change.after.owner,
            "members": change.after.members,
            "metadata": change.after.metadata,
            "seq": found.seq + 1,
            "revision": found.revision + 1,
            "updated_at": at,
        }
        if change.changes is None:
            update |= {"status": "finalized", "finalized_at": at}
        log.conversation = found.model_copy(update=update)
        log.entries.append(change.entry(log.conversation))
        log.participated |= set(log.conversation.participants)
        return log.conversation

    async def change_message(self, change: MessageChange, *, now: datetime) -> MessageChanged | None:
        self._require_open()
        log = self.logs.get(change.conversation.id)
        if log is None or log.conversation.revision != change.conversation.revision:
            return None
        if log.messages[change.before.seq].version != change.before.version:
            return None
        entry = change.entry(log.conversation.seq + 1, max(now, log.at))
        assert entry.message is not None
        log.messages[change.before.seq] = entry.message
        log.entries.append(entry)
        log.conversation = log.conversation.model_copy(update={"seq": entry.seq})
        return entry

    def pseudonym(self, uid: str) -> str:
        return hmac.digest(self._key, uid.encode(), "sha256").hex()[:16]

    async def check(self) -> None:
        self._require_open()

    async def close(self) -> None:
        self._closed = True

    def _read_by(self, conversation_id: str, reader: str | None) -> _Log | None:
        self._require_open()
        log = self.logs.get(conversation_id)
        return log if log and (reader is None or reader in log.conversation.participants) else None

    def _log(self, conversation_id: str) -> _Log:
        self._require_open()
        if conversation_id not in self.logs:
            raise NotFound(NO_CONVERSATION)
        return self.logs[conversation_id]

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable("The store is closed.")


def _fitting(entries: Sequence[Entry], max_chars: int) -> list[Wire]:
    """The first of these that have so many characters together, and at least one."""
    kept: list[Wire] = []
    size = 0
    for entry in entries:
        message = entry.message if isinstance(entry, MessageChanged) else entry
        if isinstance(message, Message):
            size += len(message.content) + len(canonical(message.metadata))
        if kept and size > max_chars:
            break
        kept.append(entry.wire())
    return kept


def _order(updated_at: datetime, conversation_id: str) -> tuple[float, str]:
    return (-updated_at.timestamp(), conversation_id)
