"""Conversations with ids of their own, so that tests can share a store."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from confab.domain.models import Conversation, Draft, Member, Metadata, Wire
from confab.ports import Store
from tests.support.samples import NOW

MILLISECOND = timedelta(milliseconds=1)


def fresh(prefix: str = "c") -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def new_conversation(
    owner: str | None = None,
    *,
    members: tuple[str, ...] = (),
    at: datetime = NOW,
    metadata: Metadata | None = None,
    conversation_id: str | None = None,
) -> Conversation:
    return Conversation(
        id=conversation_id or fresh(),
        type="chat",
        title=None,
        owner=owner or fresh("owner"),
        members=tuple(Member(user_id=uid) for uid in members),
        metadata=metadata or {},
        created_at=at,
        updated_at=at,
    )


def draft_for(
    conversation_id: str,
    content: str = "hello",
    *,
    key: str | None = None,
    author: str = "ann",
    metadata: Metadata | None = None,
) -> Draft:
    return Draft(
        conversation_id=conversation_id,
        role="user",
        author=author,
        content=content,
        client_message_id=key,
        metadata=metadata or {},
    )


async def started(store: Store, *messages: str, owner: str | None = None, at: datetime = NOW) -> Conversation:
    conversation = (await store.create(new_conversation(owner, at=at), None, now=at)).conversation
    for content in messages:
        await store.append(draft_for(conversation.id, content), now=at)
    found = await store.conversation(conversation.id)
    assert found is not None
    return found


async def messages(store: Store, conversation: Conversation, limit: int = 200, **where: Any) -> list[Wire]:
    """A page of a log as its owner sees it."""
    page = await store.page(conversation.id, conversation.owner, limit, **where)
    assert page is not None
    return [*page.messages]
