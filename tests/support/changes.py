"""Changes of a log, each decided on what the store has now and stored at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from confab.domain import changes
from confab.domain.changes import ConversationChange
from confab.domain.entries.message import Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.limits import Limits
from confab.domain.models import Conversation, Member, Principal
from confab.domain.requests import EditMessage, UpdateConversation, parse
from confab.ports.store import Store
from tests.support.samples import NOW, conversation, draft, fresh, principal

ALICE = principal("alice")


async def started(store: Store, **fields: object) -> Conversation:
    """A new conversation, of alice with bob, rita and a bot unless the fields say otherwise."""
    return (await store.create(conversation(fresh(), **fields), None, now=NOW)).conversation


async def say(store: Store, log: str, content: str = "x", author: str = "alice", **fields: Any) -> Message:
    written = draft(content, conversation_id=log, author=author, **fields)
    return (await store.append(written, now=NOW)).message


def rename(title: str) -> UpdateConversation:
    return parse(UpdateConversation, {"title": title}, Limits())


def edited_to(content: str) -> EditMessage:
    return parse(EditMessage, {"content": content}, Limits())


async def change(
    store: Store, log: str, decide: Callable[[Conversation | None], ConversationChange | None]
) -> Conversation | None:
    decided = decide(await store.conversation(log))
    assert decided is not None
    return await store.change_conversation(decided, now=NOW + timedelta(seconds=1))


async def add(store: Store, log: str, uid: str) -> Conversation | None:
    member = Member(user_id=uid)
    return await change(store, log, lambda c: changes.set_member(c, ALICE, member, max_members=9))


async def remove(store: Store, log: str, uid: str) -> Conversation | None:
    return await change(store, log, lambda c: changes.remove_member(c, ALICE, uid))


async def edit(
    store: Store, log: str, seq: int, content: str, by: Principal = ALICE
) -> MessageChanged | None:
    found, message = await store.message(log, seq)
    decided = changes.edit_message(found, message, by, edited_to(content))
    assert decided is not None
    return await store.change_message(decided, now=NOW + timedelta(seconds=2))


async def delete(store: Store, log: str, seq: int, by: Principal = ALICE) -> MessageChanged | None:
    found, message = await store.message(log, seq)
    decided = changes.delete_message(found, message, by)
    assert decided is not None
    return await store.change_message(decided, now=NOW)
