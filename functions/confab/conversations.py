"""The use cases. Each takes the caller, what is asked, and the ports it needs.

The order is always the same: look the conversation up, ask `access`, act, and only then tell.
"""

import base64
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from confab.domain import access
from confab.domain.access import Standing
from confab.domain.cells import MAIN, new_id
from confab.domain.errors import IdempotencyConflict, InvalidRequest
from confab.domain.models import Conversation, MessageView, Principal, canonical, to_millisecond
from confab.domain.rates import Rate
from confab.domain.requests import AddMessage, CreateConversation, GetConversation, ListConversations
from confab.ports import Announcer, Appended, Clock, Created, End, Place, Store


@dataclass(frozen=True, slots=True)
class Page:
    """Messages of one conversation, ascending by sequence number."""

    conversation: Conversation
    messages: Sequence[MessageView]
    nearest: End
    """Which of the messages is nearest to where it was asked from: it stays whatever is left out."""
    has_more: bool
    """Whether there are newer ones if the page was asked for with `after`, older ones otherwise."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of a user's conversations, latest activity first."""

    conversations: Sequence[Conversation]
    has_more: bool


async def create_conversation(
    request: CreateConversation,
    key: str | None,
    *,
    caller: Principal,
    store: Store,
    clock: Clock,
    cells: Sequence[str] = (MAIN,),
) -> Created:
    """Start a conversation that the caller owns, in one of these cells, each as likely.

    Raises InvalidRequest for members who are the owner or listed twice, and IdempotencyConflict
    if the caller used the key before for a different conversation.
    """
    now = clock.now()
    wanted = Conversation(
        id=new_id(random.choice(cells)),
        type=request.type,
        title=request.title,
        owner=caller.uid,
        members=request.members_beside(caller.uid),
        metadata=request.metadata,
        created_at=now,
        updated_at=now,
    )
    created = await store.create(wanted, key, now=now)
    if not _same_wish(wanted, created.conversation):
        raise IdempotencyConflict("This Idempotency-Key was used for a different conversation.")
    return created


async def list_conversations(request: ListConversations, *, caller: Principal, store: Store) -> Listing:
    """The conversations that the caller owns or is a member of.

    Raises InvalidRequest for a cursor that no earlier answer gave.
    """
    behind = _decode_cursor(request.cursor) if request.cursor is not None else None
    limit = request.limit
    found = await store.conversations(caller.uid, status=request.status, behind=behind, limit=limit + 1)
    return Listing(found[:limit], has_more=len(found) > limit)


async def get_conversation(
    conversation_id: str,
    request: GetConversation,
    *,
    caller: Principal,
    store: Store,
    enough: int | None = None,
) -> Page:
    """A conversation and a page of its messages, fewer than asked for once they have `enough` characters.

    Raises NotFound for strangers, and InvalidRequest for an `after` that is beyond the log's head.
    """
    limit = request.limit
    if request.after is None and request.before is None:
        found = await store.newest(conversation_id, limit, enough=enough)
        conversation = access.require_read(found[0] if found else None, caller)
        messages = found[1] if found else []
        return Page(conversation, messages, "last", has_more=bool(messages) and messages[0]["seq"] > 1)
    conversation = access.require_read(await store.conversation(conversation_id), caller)
    newest = conversation.last_message_seq
    nearest: End = "last" if request.after is None else "first"
    if request.after is None:
        last = min((request.before or 1) - 1, newest)
        first = max(last - limit + 1, 1)
    elif request.after <= conversation.seq:
        first, last = request.after + 1, min(request.after + limit, newest)
    else:
        raise InvalidRequest.field("after", f"is beyond the newest entry, {conversation.seq}")
    if first > last:
        return Page(conversation, [], nearest, has_more=False)
    messages = await store.messages(conversation_id, first, last, nearest=nearest, enough=enough)
    more = bool(messages) and (messages[-1]["seq"] < newest if nearest == "first" else messages[0]["seq"] > 1)
    return Page(conversation, messages, nearest, has_more=more)


async def add_message(
    conversation_id: str,
    request: AddMessage,
    *,
    caller: Principal,
    store: Store,
    announcer: Announcer,
    clock: Clock,
    sends: Rate,
    known: Standing | None = None,
) -> Appended:
    """Write a message as the caller and tell the room once it is stored.

    `known` is what the caller is in the conversation if that has been read before, however long
    ago: its owner and members never change, and whether its log is closed shows when the message
    is numbered.

    A retry with the same client message id and body returns the first message. Raises NotFound
    for strangers, Forbidden for readers and for roles that are not the caller's, RateLimited,
    IdempotencyConflict for a client message id used with another body, and
    ConversationFinalized.

    Whatever is about to go to the store counts in `sends`, a retry too: it costs the same. What
    is refused before that neither counts nor changes anything.
    """
    held = known or access.standing(await store.conversation(conversation_id), caller)
    access.require_write(held, caller, request.role)
    sends.take(caller.uid)
    draft = request.draft(conversation_id, caller.uid)
    appended = await store.append(draft, now=clock.now())
    if not draft.became(appended.message):
        raise IdempotencyConflict("This clientMessageId was used for a different message.")
    if appended.new:
        await announcer.announce(appended.message)
    return appended


async def finalize_conversation(
    conversation_id: str, *, caller: Principal, store: Store, announcer: Announcer, clock: Clock
) -> Conversation:
    """Close the log for good and tell the room; again: the same answer.

    Raises NotFound for strangers and Forbidden for everyone but the owner.
    """
    access.require_finalize(access.standing(await store.conversation(conversation_id), caller))
    closed = await store.finalize(conversation_id, now=clock.now())
    if closed.new:
        await announcer.announce(closed.entry)
    return closed.conversation


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant in UTC, to the millisecond."""
        return to_millisecond(datetime.now(UTC))


def _same_wish(wanted: Conversation, stored: Conversation) -> bool:
    return (wanted.type, wanted.title, wanted.members, canonical(wanted.metadata)) == (
        stored.type,
        stored.title,
        stored.members,
        canonical(stored.metadata),
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CURSOR = re.compile(r"(\d{1,14})\.([A-Za-z0-9_-]{1,64})", re.ASCII)


def cursor_after(last: Conversation) -> str:
    """The cursor that continues a list behind this conversation."""
    text = f"{(last.updated_at - _EPOCH) // _MILLISECOND}.{last.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> Place:
    error = InvalidRequest.field("cursor", "is not a cursor that a list answered")
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode("ascii")
    except ValueError:
        raise error from None
    if (found := _CURSOR.fullmatch(text)) is None:
        raise error
    return Place(_EPOCH + int(found[1]) * _MILLISECOND, found[2])
