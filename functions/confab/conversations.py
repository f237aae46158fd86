"""The use cases, shared by the functions and the container."""

import base64
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from confab.domain import access
from confab.domain.access import Standing
from confab.domain.cells import MAIN, new_id
from confab.domain.errors import IdempotencyConflict, InvalidRequest
from confab.domain.limits import Limits
from confab.domain.models import (
    Conversation,
    Page,
    Principal,
    Wire,
    canonical,
    current_time,
    from_milliseconds,
    milliseconds,
)
from confab.domain.rates import Rate
from confab.domain.requests import AddMessage, CreateConversation, GetConversation, ListConversations
from confab.ports import Announcer, Appended, Created, Cursor, Store


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of a user's conversations, latest activity first."""

    conversations: Sequence[Wire]
    has_more: bool


class Conversations:
    """The use cases. Those about one conversation ask `access`; those that store an entry announce it."""

    def __init__(
        self,
        store: Store,
        announcer: Announcer,
        *,
        limits: Limits,
        cells: Sequence[str] = (MAIN,),
        clock: Callable[[], datetime] = current_time,
    ) -> None:
        """New conversations are spread evenly over `cells`."""
        self._store = store
        self._announcer = announcer
        self._clock = clock
        self._cells = cells
        self.limits = limits
        self.sends = Rate(limits.messages_per_10s, 10, "messages")
        """Bounds how often each user may write on this instance; the key is the uid."""

    async def create_conversation(
        self, request: CreateConversation, key: str | None = None, *, caller: Principal
    ) -> Created:
        """Start a conversation that the caller owns.

        Raises InvalidRequest for members who are the owner or listed twice, and IdempotencyConflict
        if the caller used the key before for a different conversation.
        """
        now = self._clock()
        wanted = Conversation(
            id=new_id(random.choice(self._cells)),
            type=request.type,
            title=request.title,
            owner=caller.uid,
            members=request.members_beside(caller.uid),
            metadata=request.metadata,
            created_at=now,
            updated_at=now,
        )
        created = await self._store.create(wanted, key, now=now)
        if not _same_request(wanted, created.conversation):
            raise IdempotencyConflict("This Idempotency-Key was used for a different conversation.")
        return created

    async def list_conversations(self, request: ListConversations, *, caller: Principal) -> Listing:
        """The conversations that the caller owns or is a member of.

        Raises InvalidRequest for a cursor that no earlier answer gave.
        """
        after = _decode_cursor(request.cursor) if request.cursor is not None else None
        found = await self._store.conversations(
            caller.uid, status=request.status, after=after, limit=request.limit + 1
        )
        return Listing(found[: request.limit], has_more=len(found) > request.limit)

    async def get_conversation(
        self, conversation_id: str, request: GetConversation, *, caller: Principal
    ) -> Page:
        """A conversation and a page of its messages, cut where it fills a response.

        Raises NotFound for strangers, and InvalidRequest for an `after` that is beyond the log's head.
        """
        page = await self._store.page(
            conversation_id,
            caller.uid,
            request.limit,
            after=request.after,
            before=request.before,
            max_chars=self.limits.max_page_bytes,
        )
        conversation = access.require_read(None if page is None else page.conversation, caller)
        if request.after is not None and request.after > conversation.seq:
            raise InvalidRequest.field("after", f"is beyond the newest entry, {conversation.seq}")
        assert page is not None, "who may read has one"
        return page

    async def add_message(
        self, conversation_id: str, request: AddMessage, *, caller: Principal, known: Standing | None = None
    ) -> Appended:
        """Write a message as the caller and announce it once it is stored.

        `known` is the caller's standing if it was read before, however long ago: owner and members
        never change, and the append detects a closed log. A retry with the same client message id
        and body returns the first message, and counts in `sends`: it costs the store the same.

        Raises NotFound for strangers, Forbidden for readers and for roles that are not the caller's,
        RateLimited, IdempotencyConflict for a client message id used with another body, and
        ConversationFinalized.
        """
        held = known or await self.standing(conversation_id, caller)
        access.require_write(held, caller, request.role)
        self.sends.take(caller.uid)
        draft = request.draft(conversation_id, caller.uid)
        appended = await self._store.append(draft, now=self._clock())
        if not draft.became(appended.message):
            raise IdempotencyConflict("This clientMessageId was used for a different message.")
        if appended.new:
            await self._announcer.announce(appended.message)
        return appended

    async def finalize_conversation(self, conversation_id: str, *, caller: Principal) -> Conversation:
        """Close the log permanently and announce it; repeating it returns the same conversation.

        Raises NotFound for strangers and Forbidden for everyone but the owner.
        """
        access.require_finalize(await self.standing(conversation_id, caller))
        closed = await self._store.finalize(conversation_id, now=self._clock())
        if closed.new:
            await self._announcer.announce(closed.entry)
        return closed.conversation

    async def standing(self, conversation_id: str, caller: Principal) -> Standing:
        """What the caller may do in a conversation; raises NotFound for strangers."""
        return access.standing(await self._store.conversation(conversation_id), caller)


def _same_request(wanted: Conversation, stored: Conversation) -> bool:
    return (wanted.type, wanted.title, wanted.members, canonical(wanted.metadata)) == (
        stored.type,
        stored.title,
        stored.members,
        canonical(stored.metadata),
    )


_CURSOR = re.compile(r"(\d{1,14})\.([A-Za-z0-9_-]{1,64})", re.ASCII)


def cursor_after(last: Wire) -> str:
    """The cursor that continues a list after this conversation."""
    text = f"{milliseconds(datetime.fromisoformat(last['updatedAt']))}.{last['id']}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> Cursor:
    error = InvalidRequest.field("cursor", "is not a cursor that a list answered")
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode("ascii")
    except ValueError:
        raise error from None
    if (found := _CURSOR.fullmatch(text)) is None:
        raise error
    return Cursor(from_milliseconds(int(found[1])), found[2])
