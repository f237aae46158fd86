"""The use cases, shared by the functions and the container."""

import base64
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from confab.domain import access, changes
from confab.domain.access import Standing
from confab.domain.cells import MAIN, new_id
from confab.domain.changes import ConversationChange, MessageChange
from confab.domain.entries.message import Message
from confab.domain.errors import Forbidden, InvalidRequest, Unavailable
from confab.domain.limits import Limits
from confab.domain.models import (
    Conversation,
    LogPage,
    Member,
    Page,
    Principal,
    Wire,
    current_time,
    from_milliseconds,
    milliseconds,
)
from confab.domain.rates import UserRates
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    EditMessage,
    GetConversation,
    ListConversations,
    ReadLog,
    SetMember,
    UpdateConversation,
)
from confab.erasure import Eraser, Progress
from confab.ports.bus import Announcer
from confab.ports.store import Appended, Created, Cursor, Store

P = TypeVar("P", Page, LogPage)
RECENT_S = 300
"""How many seconds after a sign-in a user may erase themselves."""
MAX_DECISIONS = 16
"""How often a change is decided again because others changed the same meanwhile."""


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
        locate: Callable[[Conversation], Conversation],
        clock: Callable[[], datetime] = current_time,
    ) -> None:
        """New conversations are spread evenly over `cells`; `locate` adds the address of a room."""
        self._store = store
        self._announcer = announcer
        self._clock = clock
        self._cells = cells
        self._locate = locate
        self.limits = limits
        self.eraser = Eraser(store, announcer, locate=locate, clock=clock)
        """Deletes conversations and erases users."""
        self.rates = UserRates(limits)
        """What each user may do how often on this instance."""

    async def create_conversation(
        self, request: CreateConversation, key: str | None = None, *, caller: Principal
    ) -> Created:
        """Start a conversation that the caller owns.

        Raises InvalidRequest for members who are the owner or listed twice, RateLimited, and what
        `Store.create` does.
        """
        members = request.members_beside(caller.uid)
        self.rates.create(caller, len(members))
        now = self._clock()
        wanted = Conversation(
            id=new_id(random.choice(self._cells)),
            type=request.type,
            title=request.title,
            owner=caller.uid,
            members=members,
            metadata=request.metadata,
            created_at=now,
            updated_at=now,
        )
        return await self._store.create(wanted, key, now=now)

    async def list_conversations(self, request: ListConversations, *, caller: Principal) -> Listing:
        """The conversations that the caller owns or is a member of.

        Raises RateLimited, and InvalidRequest for a cursor that no earlier answer gave.
        """
        after = _decode_cursor(request.cursor) if request.cursor is not None else None
        self.rates.read(caller)
        found = await self._store.conversations(
            caller.uid, status=request.status, after=after, limit=request.limit + 1
        )
        return Listing(found[: request.limit], has_more=len(found) > request.limit)

    async def get_conversation(
        self, conversation_id: str, request: GetConversation, *, caller: Principal
    ) -> Page:
        """A conversation and a page of its messages, cut where it fills a response.

        Raises RateLimited, NotFound for strangers, and InvalidRequest for an `after` beyond the log's head.
        """
        self.rates.read(caller)
        page = await self._store.page(
            conversation_id,
            caller.uid,
            request.limit,
            after=request.after,
            before=request.before,
            max_chars=self.limits.max_page_bytes,
        )
        return _readable(page, caller, request.after or 0)

    async def read_log(self, conversation_id: str, request: ReadLog, *, caller: Principal) -> LogPage:
        """A page of a conversation's log with entries of all kinds, cut where it fills a response.

        Raises RateLimited, NotFound for strangers, and InvalidRequest for an `after` beyond the log's head.
        """
        self.rates.read(caller)
        page = await self._store.log(
            conversation_id,
            caller.uid,
            request.limit,
            after=request.after,
            max_chars=self.limits.max_page_bytes,
        )
        return _readable(page, caller, request.after)

    async def add_message(self, conversation_id: str, request: AddMessage, *, caller: Principal) -> Appended:
        """Write a message as the caller and announce it once it is stored.

        A retry with the same client message id and body returns the message as it is now.

        Raises RateLimited and what `Store.append` does.
        """
        self.rates.write(caller)
        if self.limits.agent_roles_only and request.role != "user" and not caller.agent:
            access.require_write_access(await self._standing(conversation_id, caller))
            raise Forbidden(f"Only agents write messages of role {request.role} here.")
        draft = request.draft(conversation_id, caller)
        appended = await self._store.append(draft, now=self._clock())
        if appended.new:
            await self._announcer.announce(appended.message)
        return appended

    async def edit_message(
        self, conversation_id: str, seq: int, request: EditMessage, *, caller: Principal
    ) -> Message:
        """Change the caller's message and announce it; raises RateLimited and what `changes` does."""
        self.rates.write(caller)
        return await self._change_message(
            conversation_id,
            seq,
            caller,
            lambda found, message: changes.edit_message(found, message, caller, request),
        )

    async def delete_message(self, conversation_id: str, seq: int, *, caller: Principal) -> Message:
        """Empty a message and announce it; raises RateLimited and what `changes` does."""
        self.rates.write(caller)
        return await self._change_message(
            conversation_id,
            seq,
            caller,
            lambda found, message: changes.delete_message(found, message, caller),
        )

    async def update_conversation(
        self, conversation_id: str, request: UpdateConversation, *, caller: Principal
    ) -> Conversation:
        """Change title, metadata or owner and announce it; raises what `changes.update` does."""
        return await self._change(
            conversation_id, caller, lambda found: changes.update(found, caller, request)
        )

    async def set_member(
        self, conversation_id: str, uid: str, request: SetMember, *, caller: Principal
    ) -> Conversation:
        """Add a member or change its access, and announce it; raises RateLimited and what `changes` does."""
        self.rates.add(caller)
        member = Member(user_id=uid, access=request.access)
        most = self.limits.max_members
        return await self._change(
            conversation_id,
            caller,
            lambda found: changes.set_member(found, caller, member, max_members=most),
        )

    async def remove_member(self, conversation_id: str, uid: str, *, caller: Principal) -> Conversation:
        """Remove a member and announce it; raises what `changes` does.

        The member writes nothing that is numbered after the removal, and gets nothing later than it.
        """
        return await self._change(
            conversation_id, caller, lambda found: changes.remove_member(found, caller, uid)
        )

    async def finalize_conversation(self, conversation_id: str, *, caller: Principal) -> Conversation:
        """Close the log permanently and announce it; repeating it returns the same conversation.

        Raises NotFound for strangers and Forbidden for everyone but the owner.
        """
        return await self._change(conversation_id, caller, lambda found: changes.finalization(found, caller))

    async def delete_conversation(self, conversation_id: str, *, caller: Principal) -> None:
        """Delete a conversation with all that is in it, finalized or not, and announce it.

        Raises NotFound for strangers and Forbidden for everyone but the owner.
        """
        await self.eraser.delete_conversation(conversation_id, caller)

    async def erase_me(self, *, caller: Principal) -> Progress:
        """Erase the caller for WITHIN_S seconds at most; to be repeated until `done`.

        Raises Forbidden without a sign-in of the last RECENT_S seconds.
        """
        recent = self._clock() - timedelta(seconds=RECENT_S)
        if caller.signed_in_at is None or caller.signed_in_at < recent:
            raise Forbidden("Sign in again first: this needs a sign-in of the last five minutes.")
        return await self.eraser.erase(caller.uid)

    async def standing(self, conversation_id: str, caller: Principal) -> Standing:
        """What the caller may do in a conversation; raises RateLimited, and NotFound for strangers."""
        self.rates.read(caller)
        return await self._standing(conversation_id, caller)

    async def _standing(self, conversation_id: str, caller: Principal) -> Standing:
        return access.standing(await self._store.conversation(conversation_id, caller.uid), caller.uid)

    async def _change(
        self,
        conversation_id: str,
        caller: Principal,
        decide: Callable[[Conversation | None], ConversationChange | None],
    ) -> Conversation:
        """Decide, store and announce; decide again on what others have made of it meanwhile."""
        for _ in range(MAX_DECISIONS):
            found = await self._store.conversation(conversation_id, caller.uid)
            change = decide(found)
            if change is None:
                assert found is not None, "a decision about no conversation is a refusal"
                return found
            stored = await self._store.change_conversation(change, now=self._clock())
            if stored is not None:
                await self._announcer.announce(change.entry(self._locate(stored)))
                return stored
        raise Unavailable(changes.BUSY)

    async def _change_message(
        self,
        conversation_id: str,
        seq: int,
        caller: Principal,
        decide: Callable[[Conversation | None, Message | None], MessageChange | None],
    ) -> Message:
        for _ in range(MAX_DECISIONS):
            conversation, message = await self._store.message(conversation_id, seq, caller.uid)
            change = decide(conversation, message)
            if change is None:
                assert message is not None, "a decision about no message is a refusal"
                return message
            entry = await self._store.change_message(change, now=self._clock())
            if entry is not None:
                await self._announcer.announce(entry)
                assert entry.message is not None, "nothing is withheld from the writer"
                return entry.message
        raise Unavailable(changes.BUSY)


def _readable(page: P | None, caller: Principal, after: int) -> P:
    """The page, if the caller may read it and the log goes as far as `after`."""
    head = access.require_read(None if page is None else page.conversation, caller).seq
    if after > head:
        raise InvalidRequest.field("after", f"is beyond the newest entry, {head}")
    assert page is not None, "who may read has one"
    return page


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
