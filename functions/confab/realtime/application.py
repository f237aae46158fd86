"""From the sockets to the commands: admits sockets, dispatches events, renders refusals."""

import logging
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from confab.domain.errors import ConfabError, Internal, InvalidRequest, Unauthenticated, Unavailable, problem
from confab.domain.models import Principal
from confab.domain.requests import parse
from confab.log import KIND
from confab.ports.telemetry import Span
from confab.realtime.commands import Commands
from confab.realtime.protocol import Handshake, Join, refused
from confab.realtime.sessions import MAX_SENDS, Sessions
from confab.realtime.socketio.api import Accept, Ack, Refuse
from confab.realtime.socketio.server import Server
from confab.wiring import Adapters

log = logging.getLogger(__name__)


class SocketApplication:
    """Implements `socketio.api.Application`."""

    def __init__(self, commands: Commands, sessions: Sessions, server: Server, adapters: Adapters) -> None:
        self._commands = commands
        self._sessions = sessions
        self._server = server
        self._adapters = adapters
        self._telemetry = adapters.telemetry
        self._pseudonym = adapters.store.pseudonym
        self._limits = adapters.config
        self._draining = False

    async def connect(self, sid: str, auth: object, accept: Accept, refuse: Refuse) -> None:
        """Admit a socket; with a conversation in the handshake it joins that room or is refused."""
        user = None
        with self._telemetry.span("socket connect", None) as span:
            try:
                handshake = self._handshake(auth)
                caller = await self._adapters.verifier.verify(handshake.token)
                user = self._pseudonym(caller.uid)
                await self._adapters.require_app(caller, handshake.app_check_token)
                await self._admit(sid, caller, handshake, accept)
            except Exception as error:  # noqa: BLE001 - _problem_of logs it
                refusal = self._problem_of(error, "connect", user, span)
                refuse(refusal["title"], refusal)

    async def event(self, sid: str, name: object, arguments: Sequence[object], ack: Ack) -> None:
        """Dispatch an event of the contract; every other is refused by name.

        Returns when the socket's next event may begin. Its messages begin in order and overlap on
        their way to the store, so that they are stored together; everything else waits for the
        messages before it.
        """
        known = name if isinstance(name, str) and name in self._commands.by_event else "unknown"
        with self._telemetry.span(f"socket {known}", None) as span:
            await self._answered(self._carry_out(sid, known, arguments, ack, span), sid, known, ack, span)

    def reject(self, sid: str, error: ConfabError, ack: Ack) -> None:
        """Refuse an event that could not be read."""
        ack(refused(self._problem_of(error, "unknown", self._user(sid))))

    def turned_away(self, code: str) -> None:
        """Count a request that got no further than the gate."""
        self._telemetry.refused(code, "connect")

    def describe(self, sid: str) -> Mapping[str, object]:
        """Whose socket it is."""
        return {"user": self._user(sid)}

    def resync(self, sid: str) -> None:
        """Take a socket out of its rooms; its client joins them again once it has read what is unsent."""
        self._sessions.get(sid).resync_all()

    def disconnected(self, sid: str) -> None:
        """Take a socket out of its rooms and forget it."""
        self._sessions.remove(sid)

    def drain(self) -> None:
        """Admit no more sockets."""
        self._draining = True

    def _handshake(self, auth: object) -> Handshake:
        self._require_not_draining()
        if not isinstance(auth, Mapping) or not auth.get("token"):
            raise Unauthenticated("Send a Firebase ID token as auth: {token} in the handshake.")
        return parse(Handshake, auth, self._limits)

    async def _admit(self, sid: str, caller: Principal, handshake: Handshake, accept: Accept) -> None:
        self._require_not_draining()
        session = self._sessions.admit(sid, caller)
        if handshake.conversation_id is None:
            accept()
            return

        def joined(answer: Mapping[str, Any]) -> None:
            self._require_not_draining()
            accept()
            self._server.send(sid, "joined", answer)

        fields = {"conversationId": handshake.conversation_id, "after": handshake.after}
        try:
            await self._commands.join(session, parse(Join, fields, self._limits), joined)
        except BaseException:
            self.disconnected(sid)
            raise

    async def _carry_out(
        self, sid: str, event: str, arguments: Sequence[object], ack: Ack, span: Span
    ) -> None:
        session = self._sessions.get(sid)
        command = self._commands.by_event.get(event)
        if command is None:
            raise InvalidRequest.field("", f"the events are {', '.join(self._commands.by_event)}")
        if len(arguments) != 1:
            raise InvalidRequest.field("", "an event takes one object")
        overlaps = event == "message"
        await session.turn(sends=MAX_SENDS - 1 if overlaps else 0)
        session.require_open()
        request = parse(command.request, arguments[0], self._limits)
        work = command.handle(session, request, ack)
        if overlaps:
            span.until(session.send(self._answered(work, sid, event, ack, span)))
        else:
            await work

    def _require_not_draining(self) -> None:
        """Raises Unavailable if the instance began to go away, also while something was awaited."""
        if self._draining:
            raise Unavailable("This instance is going away.")

    def _user(self, sid: str) -> str | None:
        """The pseudonym of a socket's user; None for one that is not admitted, or gone."""
        with suppress(Unauthenticated):
            return self._pseudonym(self._sessions.get(sid).uid)
        return None

    async def _answered(self, work: Awaitable[None], sid: str, event: str, ack: Ack, span: Span) -> None:
        """Await a handler, which acknowledges its event; what it raises becomes a refusal."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - _problem_of logs it
            ack(refused(self._problem_of(error, event, self._user(sid), span)))

    def _problem_of(
        self, error: Exception, event: str, user: str | None, span: Span | None = None
    ) -> dict[str, Any]:
        """The problem object of an error, which is counted, logged with its request id and noted in the span.

        An error that is not Confab's own is a defect: the client gets `internal`, the log a traceback.
        """
        request_id = uuid.uuid4().hex
        fields = {"requestId": request_id, "event": event, "user": user}
        if not isinstance(error, ConfabError):
            log.error("an event failed", exc_info=error, extra=fields)
            error = Internal()
        self._telemetry.refused(error.code, event)
        log.info("socket event", extra={**fields, "code": error.code, KIND: (event, error.code)})
        if span is not None:
            span.note("confab.code", error.code)
            span.note("confab.status", error.status)
        after = {} if error.retry_after is None else {"retryAfter": error.retry_after}
        return problem(error, request_id) | after
