"""Small valid values to build tests from, and logs with ids of their own for tests that share a store."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from confab.domain.changes import finalization
from confab.domain.entries import Entry
from confab.domain.entries.conversation_changed import Changes, ConversationChanged
from confab.domain.entries.finalized import Finalized
from confab.domain.entries.message import Draft, Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.models import Conversation, Member, Principal, Wire
from confab.ports.store import Store

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
MILLISECOND = timedelta(milliseconds=1)


def principal(uid: str = "alice", *, agent: bool = False) -> Principal:
    return Principal(uid=uid, agent=agent, issued_at=NOW, expires_at=NOW + timedelta(hours=1))


def conversation(conversation_id: str = "c1", **fields: object) -> Conversation:
    values: dict[str, object] = {
        "id": conversation_id,
        "type": "chat",
        "title": None,
        "owner": "alice",
        "members": (
            Member(user_id="bob"),
            Member(user_id="rita", access="read"),
            Member(user_id="bot"),
        ),
        "metadata": {},
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Conversation.model_validate(values | fields)


def draft(content: str = "hello", **fields: object) -> Draft:
    values: dict[str, object] = {
        "conversation_id": "c1",
        "role": "user",
        "author": "alice",
        "content": content,
        "client_message_id": None,
        "metadata": {},
    }
    return Draft.model_validate(values | fields)


def message(seq: int, conversation_id: str = "c1") -> Message:
    return draft(f"message {seq}", conversation_id=conversation_id).numbered(seq, seq, NOW)


def finalized(seq: int, conversation_id: str = "c1") -> Finalized:
    return Finalized(conversation_id=conversation_id, seq=seq, finalized_at=NOW)


def edited(seq: int) -> MessageChanged:
    """Entry `seq`, which edits message 1."""
    changed = message(1).model_copy(update={"content": "edited", "version": seq, "edited_at": NOW})
    return MessageChanged(conversation_id="c1", seq=seq, message=changed, by="alice", at=NOW)


def renamed(seq: int) -> ConversationChanged:
    """Entry `seq`, which renames its conversation."""
    now = conversation(seq=seq, title="renamed", realtime_url="https://rt.example")
    changes = Changes(title=True)
    return ConversationChanged(
        conversation_id="c1", seq=seq, conversation=now, by="alice", at=NOW, changes=changes
    )


def log(length: int) -> list[Entry]:
    return [message(seq) for seq in range(1, length + 1)]


def fresh(prefix: str = "c") -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def new_conversation(
    owner: str | None = None, *, members: tuple[str, ...] = (), at: datetime = NOW, **fields: object
) -> Conversation:
    values: dict[str, object] = {
        "owner": owner or fresh("owner"),
        "members": tuple(Member(user_id=uid) for uid in dict.fromkeys((*members, "alice")) if uid != owner),
        "created_at": at,
        "updated_at": at,
    }
    return conversation(fresh(), **values | fields)


def draft_for(
    conversation_id: str, content: str = "hello", *, key: str | None = None, **fields: object
) -> Draft:
    return draft(content, conversation_id=conversation_id, client_message_id=key, **fields)


async def started(store: Store, *messages: str, owner: str | None = None, at: datetime = NOW) -> Conversation:
    created = (await store.create(new_conversation(owner, at=at), None, now=at)).conversation
    for content in messages:
        await store.append(draft_for(created.id, content), now=at)
    found = await store.conversation(created.id)
    assert found is not None
    return found


async def entries(store: Store, conversation_id: str, first: int, last: int) -> list[Entry]:
    """Entries of a log, read past access."""
    excerpt = await store.entries(conversation_id, first, last)
    return [] if excerpt is None else [*excerpt.entries]


async def heads(store: Store, conversation_ids: Sequence[str]) -> dict[str, int]:
    """The number of the newest entry of each of these conversations that exists."""
    return {one: head.seq for one, head in (await store.heads(conversation_ids)).items()}


class Closed(NamedTuple):
    """A finalized conversation and the entry that closed its log."""

    conversation: Conversation
    entry: Finalized
    new: bool


async def finalize(store: Store, conversation_id: str, *, now: datetime = NOW) -> Closed:
    """Finalize a conversation as its owner."""
    stored = None
    while stored is None:
        found = await store.conversation(conversation_id)
        change = finalization(found, principal("" if found is None else found.owner))
        if change is None:
            assert found is not None
            return Closed(found, closing(found), new=False)
        stored = await store.change_conversation(change, now=now)
    return Closed(stored, closing(stored), new=True)


def closing(conversation: Conversation) -> Finalized:
    """The entry that closed a finalized conversation's log."""
    at = conversation.finalized_at
    assert at is not None
    return Finalized(conversation_id=conversation.id, seq=conversation.seq, finalized_at=at)


async def messages(store: Store, conversation: Conversation, limit: int = 200, **where: Any) -> list[Wire]:
    """A page of a log as its owner sees it."""
    page = await store.page(conversation.id, conversation.owner, limit, **where)
    assert page is not None
    return [*page.messages]
