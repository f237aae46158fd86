"""What clients do over a socket, carried out with the same use cases as over REST."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from confab.domain import access
from confab.domain.access import Standing
from confab.domain.errors import (
    Forbidden,
    InvalidRequest,
    RateLimited,
    TokenExpired,
    TokenRevoked,
    Unauthenticated,
    Unavailable,
)
from confab.domain.events import Typing, TypingState
from confab.domain.models import Entry, Finalized, Message, Principal, timestamp_text
from confab.domain.rates import Rate
from confab.domain.requests import GetConversation, parse
from confab.ports import Span
from confab.realtime.answers import answered
from confab.realtime.broadcast import Broadcast
from confab.realtime.delivery import Rooms
from confab.realtime.expiry import Expiry
from confab.realtime.hints import Hints
from confab.realtime.packets import Payload
from confab.realtime.protocol import (
    Handshake,
    Join,
    Leave,
    Renew,
    SendMessage,
    SetTyping,
    accepted,
)
from confab.realtime.revocations import Revocations
from confab.realtime.sockets import Socket, Sockets
from confab.realtime.transport import Reply
from confab.realtime.typists import Typists
from confab.wiring import Adapters

Sending = Coroutine[Any, Any, Reply]
"""What is left of an event's work, and need not be done before the next event begins."""
Handler = Callable[[Socket, object], Awaitable[Reply | Sending]]

MAX_SENDING = 64
"""Messages of one socket that may be on their way to the store at once."""


class SocketEvents:
    """Implements `transport.Events`; also the `Announcer` of this process."""

    def __init__(
        self,
        adapters: Adapters,
        *,
        sockets: Sockets,
        rooms: Rooms,
        typists: Typists,
        hints: Hints,
        broadcast: Broadcast,
        expiry: Expiry,
        revocations: Revocations,
    ) -> None:
        self._adapters = adapters
        self._limits = adapters.config
        self._conversations = adapters.conversations_announced_by(self)
        self._typing_rate = Rate(
            adapters.config.typing_per_5s, 5, "typing events in a room", clock=time.monotonic
        )
        """How often each user may say that they type; the key is the conversation's id and the uid."""
        self._sockets = sockets
        self._rooms = rooms
        self._typists = typists
        self._hints = hints
        self._broadcast = broadcast
        self._expiry = expiry
        self._revocations = revocations
        self._draining = False
        self._handlers: Mapping[str, Handler] = {
            "join": self._join,
            "leave": self._leave,
            "message": self._message,
            "typing": self._typing,
            "auth": self._auth,
        }

    async def connected(self, sid: str, auth: object) -> Reply:
        """Let a socket in; with a conversation in the handshake it joins that room or is refused."""
        self._require_staying()
        if not isinstance(auth, Mapping) or not auth.get("token"):
            raise Unauthenticated("Send a Firebase ID token as auth: {token} in the handshake.")
        handshake = parse(Handshake, auth, self._limits)
        principal = await self._adapters.verifier.verify(handshake.token)
        self._require_staying()
        socket = self._sockets.add(sid, principal)
        self._expiry.watch(sid, principal.expires_at)
        if handshake.conversation_id is None:
            return Reply({})
        try:
            joined = await self._enter(socket, handshake.conversation_id, handshake.after)
            self._require_staying()
        except BaseException:
            self.disconnected(sid)
            raise

        async def tell() -> None:
            self._broadcast.joined(sid, joined.ack)
            if joined.then is not None:
                await joined.then()

        return Reply({}, tell)

    async def event(self, sid: str, name: object, arguments: Sequence[object]) -> Reply | asyncio.Task[Reply]:
        """Carry out an event of the contract; everything else is refused by name.

        A socket's messages begin in its order and need not wait for each other, so that they may
        be stored together; everything else waits until the messages before it are done.
        """
        known = name if isinstance(name, str) and name in self._handlers else "unknown"
        with self._adapters.telemetry.span(f"socket {known}", None) as span:
            return await answered(self._carry_out(sid, name, arguments, span), known, span)

    async def _carry_out(
        self, sid: str, name: object, arguments: Sequence[object], span: Span
    ) -> Reply | asyncio.Task[Reply]:
        socket = self._sockets.get(sid)
        handler = self._handlers.get(name) if isinstance(name, str) else None
        if socket is None:
            raise Unauthenticated("This socket is closed.")
        if handler is None:
            raise InvalidRequest.field("", f"the events are {', '.join(self._handlers)}")
        if len(arguments) != 1:
            raise InvalidRequest.field("", "an event takes one object")
        while len(socket.sending) > (MAX_SENDING - 1 if name == "message" else 0):
            await asyncio.wait(socket.sending, return_when=asyncio.FIRST_COMPLETED)
        socket.require_token()
        answer = await handler(socket, arguments[0])
        if isinstance(answer, Reply):
            return answer
        sending = asyncio.create_task(answered(answer, "message", span))
        span.until(sending)
        socket.sending.add(sending)
        sending.add_done_callback(socket.sending.discard)
        return sending

    def disconnected(self, sid: str) -> None:
        """Take a socket out of its rooms and end what it was typing."""
        self._expiry.forget(sid)
        if (socket := self._sockets.remove(sid)) is not None:
            for conversation_id in socket.rooms:
                self._end(socket, conversation_id)

    def end(self, socket: Socket, why: type[TokenExpired] | type[TokenRevoked]) -> None:
        """Hear the socket no more, and let it hear nothing more of its rooms: it is about to be closed."""
        socket.ending = why
        for conversation_id in list(socket.rooms):
            self._out(socket, conversation_id)

    def drain(self) -> None:
        """Let nobody in any more."""
        self._draining = True

    def fell_behind(self, sid: str, missed: Payload) -> None:
        """Take a socket that missed an entry out of its room; it joins again from there."""
        socket = self._sockets.get(sid)
        if socket is None or not isinstance(missed, Message | Finalized):
            return
        conversation_id = missed.conversation_id
        if socket.rooms.pop(conversation_id, None) is not None:
            self._end(socket, conversation_id)
            self._broadcast.resync(sid, conversation_id, missed.seq - 1)

    async def announce(self, entry: Entry) -> None:
        """Tell this instance's sockets of a stored entry, and the other instances."""
        committed_at = self._adapters.clock.now()  # a moment ago
        self._rooms.hear(entry, committed_at)
        self._hints.entry(entry, committed_at)

    async def _join(self, socket: Socket, payload: object) -> Reply:
        request = parse(Join, payload, self._limits)
        return await self._enter(socket, request.conversation_id, request.after)

    async def _enter(self, socket: Socket, conversation_id: str, after: int | None) -> Reply:
        """Read the log and, once nothing is left to page through, become live behind the answer.

        If that is refused, a socket that was in the room already stays there and misses nothing.
        """
        limits = self._limits
        others = socket.rooms.keys() - {conversation_id}
        if 0 < limits.max_rooms_per_socket <= len(others):
            raise RateLimited(f"A socket is in at most {limits.max_rooms_per_socket} rooms.")
        place = self._rooms.begin_join(conversation_id, socket.sid)
        try:
            page = await self._conversations.get_conversation(
                conversation_id, parse(GetConversation, {"after": after}, limits), caller=socket.principal
            )
            self._require_open(socket)
        except BaseException:
            if place is None:
                self._out(socket, conversation_id)
            else:
                await self._go_live(socket, conversation_id, place)
            raise
        ack = accepted(self._adapters.views.page(page))
        if after is not None and ack["hasMore"]:
            self._out(socket, conversation_id)
            return Reply(ack)
        socket.rooms[conversation_id] = access.standing(page.conversation, socket.principal)
        return Reply(ack, partial(self._go_live, socket, conversation_id, page.conversation.seq))

    async def _go_live(self, socket: Socket, conversation_id: str, position: int) -> None:
        """Let the socket, which has the log up to `position`, go on from there."""
        reached = await self._rooms.finish_join(conversation_id, socket.sid, position)
        if reached is not None:
            self._out(socket, conversation_id)
            self._broadcast.resync(socket.sid, conversation_id, reached)

    async def _leave(self, socket: Socket, payload: object) -> Reply:
        request = parse(Leave, payload, self._limits)
        self._out(socket, request.conversation_id)
        return Reply(accepted({}))

    async def _message(self, socket: Socket, payload: object) -> Sending:
        request = parse(SendMessage, payload, self._limits)
        held = await self._standing(socket, request.conversation_id)
        return self._send(socket.principal, request, held)

    async def _send(self, caller: Principal, request: SendMessage, known: Standing) -> Reply:
        appended = await self._conversations.add_message(
            request.conversation_id, request, caller=caller, known=known
        )
        return Reply(accepted({"message": appended.message}))

    async def _typing(self, socket: Socket, payload: object) -> Reply:
        request = parse(SetTyping, payload, self._limits)
        conversation_id, uid = request.conversation_id, socket.principal.uid
        access.require_type(await self._standing(socket, conversation_id))
        if conversation_id not in socket.rooms:
            raise Forbidden("Join the conversation before you type in it.")
        if request.typing:  # an end always gets through, and without a start it is no news to anybody
            self._typing_rate.take((conversation_id, uid))
        state = TypingState(conversation_id=conversation_id, user_id=uid, typing=request.typing)
        if self._typists.heard(state, socket.sid):
            self._tell_typing(state)
        return Reply(accepted({}))

    async def _standing(self, socket: Socket, conversation_id: str) -> Standing:
        """What the socket's user is in a conversation, which is read unless the socket is in its room."""
        held = socket.rooms.get(conversation_id)
        if held is None:
            held = await self._conversations.standing(conversation_id, socket.principal)
        return held

    async def _auth(self, socket: Socket, payload: object) -> Reply:
        request = parse(Renew, payload, self._limits)
        try:
            principal = await self._adapters.verifier.verify(request.token)
        except TokenRevoked:
            self._revocations.check_soon(socket)
            raise
        self._require_open(socket)
        if principal.uid != socket.principal.uid:
            raise Forbidden("The renewed token is another user's.")
        socket.principal = principal
        self._expiry.watch(socket.sid, principal.expires_at)
        return Reply(accepted({"expiresAt": timestamp_text(principal.expires_at)}))

    def _require_open(self, socket: Socket) -> None:
        """Go on only if the socket did not end while something was awaited."""
        if self._sockets.get(socket.sid) is not socket:
            raise Unauthenticated("This socket is closed.")
        socket.require_token()

    def _require_staying(self) -> None:
        """Let somebody in only if the instance did not begin to go away while something was awaited."""
        if self._draining:
            raise Unavailable("This instance is going away.")

    def _out(self, socket: Socket, conversation_id: str) -> None:
        socket.rooms.pop(conversation_id, None)
        self._end(socket, conversation_id)

    def _end(self, socket: Socket, conversation_id: str) -> None:
        self._rooms.leave(conversation_id, socket.sid)
        uid = socket.principal.uid
        if self._typists.gone(conversation_id, uid, socket.sid):
            self._tell_typing(TypingState(conversation_id=conversation_id, user_id=uid, typing=False))

    def _tell_typing(self, state: TypingState) -> None:
        self._hints.event(
            Typing(
                conversation_id=state.conversation_id,
                data=state,
                origin=self._adapters.instance,
                at=self._adapters.clock.now(),
            )
        )
