"""Small valid values to build tests from, and logs with ids of their own for tests that share a store."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from confab.domain.models import Conversation, Draft, Entry, Finalized, Member, Message, Principal, Wire
from confab.ports import Store

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
    return draft(f"message {seq}", conversation_id=conversation_id).numbered(seq, NOW)


def finalized(seq: int, conversation_id: str = "c1") -> Finalized:
    return Finalized(conversation_id=conversation_id, seq=seq, finalized_at=NOW)


def log(length: int) -> list[Entry]:
    return [message(seq) for seq in range(1, length + 1)]


def fresh(prefix: str = "c") -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def new_conversation(
    owner: str | None = None, *, members: tuple[str, ...] = (), at: datetime = NOW, **fields: object
) -> Conversation:
    values: dict[str, object] = {
        "owner": owner or fresh("owner"),
        "members": tuple(Member(user_id=uid) for uid in members),
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


async def messages(store: Store, conversation: Conversation, limit: int = 200, **where: Any) -> list[Wire]:
    """A page of a log as its owner sees it."""
    page = await store.page(conversation.id, conversation.owner, limit, **where)
    assert page is not None
    return [*page.messages]
