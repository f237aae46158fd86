"""The handlers of socket events, over the same use cases as REST: one method an event.

Each takes the session, the request and `ack`. It acknowledges when its work is done, and does
afterwards what must follow the acknowledgement, such as the first live entry of a room.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from confab.conversations import Conversations
from confab.domain import access
from confab.domain.access import Standing
from confab.domain.errors import Forbidden, NotFound, RateLimited, TokenRevoked
from confab.domain.events import TypingState
from confab.domain.models import LogPage, Page, Principal, timestamp_text
from confab.domain.requests import GetConversation, ReadLog, Request, parse
from confab.realtime.protocol import Join, Leave, Renew, SendMessage, SetTyping, accepted
from confab.realtime.rooms import Rooms
from confab.realtime.sessions import Session
from confab.realtime.socketio.api import Ack
from confab.realtime.typing import TypingIndicators
from confab.wiring import Adapters

R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True)
class Command(Generic[R]):
    """An event that clients may send."""

    request: type[R]
    handle: Callable[[Session, R, Ack], Awaitable[None]]


class Commands:
    """The handlers of the contract's events. What they raise is the refusal."""

    def __init__(
        self, conversations: Conversations, rooms: Rooms, typing: TypingIndicators, adapters: Adapters
    ) -> None:
        self._conversations = conversations
        self._rooms = rooms
        self._typing = typing
        self._verifier = adapters.verifier
        self._require_app = adapters.require_app
        self._views = adapters.views
        self._limits = adapters.config
        self.by_event: Mapping[str, Command[Any]] = {
            "join": Command(Join, self.join),
            "leave": Command(Leave, self.leave),
            "message": Command(SendMessage, self.message),
            "typing": Command(SetTyping, self.typing),
            "auth": Command(Renew, self.auth),
        }

    async def join(self, session: Session, request: Join, ack: Ack) -> None:
        """Acknowledge a page; if it is the last one, make the socket live after it.

        If that is refused, a socket that was in the room already stays there and misses nothing.
        """
        conversation_id, after = request.conversation_id, request.after
        most = self._limits.max_rooms_per_socket
        if 0 < most <= len(session.rooms.keys() - {conversation_id}):
            raise RateLimited(f"A socket is in at most {most} rooms: leave one.")
        known = self._rooms.begin_join(conversation_id, session)
        try:
            page = await self._page(request, session.principal)
            session.require_open()
        except BaseException:
            if known is None:
                session.leave(conversation_id)
            else:
                await self._rooms.finish_join(conversation_id, session, *known)
            raise
        answer = accepted(self._views.page(page))
        if after is not None and answer["hasMore"]:
            session.leave(conversation_id)
            ack(answer)
            return
        if not self._rooms.has(conversation_id, session.sid):  # it was deleted meanwhile
            raise NotFound(access.NO_CONVERSATION)
        session.rooms[conversation_id] = access.standing(page.conversation, session.uid)
        ack(answer)
        conversation = page.conversation
        self._rooms.know(conversation)
        await self._rooms.finish_join(conversation_id, session, conversation.seq, conversation.erasures)

    async def _page(self, request: Join, caller: Principal) -> Page | LogPage:
        """The newest messages, or the entries after a number."""
        conversation_id, after = request.conversation_id, request.after
        if after is None:
            newest = parse(GetConversation, {}, self._limits)
            return await self._conversations.get_conversation(conversation_id, newest, caller=caller)
        following = parse(ReadLog, {"after": after}, self._limits)
        return await self._conversations.read_log(conversation_id, following, caller=caller)

    async def leave(self, session: Session, request: Leave, ack: Ack) -> None:
        """Leave a room, joined or not."""
        session.leave(request.conversation_id)
        ack(accepted({}))

    async def message(self, session: Session, request: SendMessage, ack: Ack) -> None:
        """Acknowledge a message once it is stored. Several of a socket overlap, in its order.

        Entries are written one tick before the acknowledgements of their batch: together, the
        acknowledgements could push a sender over its bound of unsent bytes and evict it.
        """
        appended = await self._conversations.add_message(
            request.conversation_id, request, caller=session.principal
        )
        await asyncio.sleep(0)
        ack(accepted({"message": appended.message}))

    async def typing(self, session: Session, request: SetTyping, ack: Ack) -> None:
        """Show the room's other users that one starts or stops typing."""
        conversation_id = request.conversation_id
        access.require_write_access(await self._standing(session, conversation_id))
        if conversation_id not in session.rooms:
            raise Forbidden("Join the conversation before you type in it.")
        if request.typing:  # an end is never limited
            self._conversations.rates.type(session.principal, conversation_id)
        state = TypingState(conversation_id=conversation_id, user_id=session.uid, typing=request.typing)
        self._typing.set(state, session.sid)
        ack(accepted({}))

    async def auth(self, session: Session, request: Renew, ack: Ack) -> None:
        """Continue with a renewed token of the same user."""
        self._conversations.rates.renew(session.principal)
        try:
            principal = await self._verifier.verify(request.token)
        except TokenRevoked:
            session.check_soon()
            raise
        session.require_open()
        if principal.uid != session.uid:
            raise Forbidden("The renewed token is another user's.")
        if session.principal.agent:  # it may have been admitted without an app
            await self._require_app(principal, None)
        session.renew(principal)
        ack(accepted({"expiresAt": timestamp_text(principal.expires_at)}))

    async def _standing(self, session: Session, conversation_id: str) -> Standing:
        """The user's standing in a conversation, which is read unless the socket is in its room."""
        return session.rooms.get(conversation_id) or await self._conversations.standing(
            conversation_id, session.principal
        )
