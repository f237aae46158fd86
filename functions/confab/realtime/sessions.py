"""The admitted sockets of this instance: their users, their rooms, and when they end."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from confab.aio import spawn
from confab.domain import access
from confab.domain.access import Standing
from confab.domain.errors import NotFound, RateLimited, TokenExpired, TokenRevoked, Unauthenticated
from confab.domain.models import Conversation, Principal
from confab.domain.rates import UserRates
from confab.log import KIND
from confab.ports.removal import Erasure
from confab.realtime.rooms import Rooms
from confab.realtime.served import Reason
from confab.realtime.socketio.server import Server
from confab.realtime.typing import TypingIndicators
from confab.wiring import Adapters

log = logging.getLogger(__name__)

CHECK_S = 2.0
"""Seconds between two checks of all sessions' users; the verifier caches their records."""
CROWDED_S = 5
"""Seconds after which a user with as many sockets as they may have tries again: some may be those of a
network that is gone, which are noticed late."""
MAX_SEQS = 500
"""Numbers in one `erased` event."""
MAX_SENDS = 64
"""Messages of one socket that may be in flight to the store."""


class Session:
    """An admitted socket until its connection is gone. An `Occupant` of its rooms."""

    def __init__(self, sid: str, principal: Principal, sessions: "Sessions") -> None:
        self.sid = sid
        self.principal = principal
        self.rooms: dict[str, Standing] = {}
        """The rooms it is in, and its user's standing there as far as it was sent the log."""
        self._sessions = sessions
        self._sends: set[asyncio.Task[None]] = set()
        self._closed = False
        self._ending: type[TokenExpired | TokenRevoked] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None
        self.renew(principal)

    @property
    def uid(self) -> str:
        """Its user, who stays the same."""
        return self.principal.uid

    @property
    def ending(self) -> bool:
        """Whether its token ran out or was revoked, and it is being closed."""
        return self._ending is not None

    def require_open(self) -> None:
        """Raises unless the socket is there and its token good; after that, a renewal comes too late."""
        if self._closed:
            raise Unauthenticated("This socket is closed.")
        if self._ending is not None:
            raise self._ending(f"{self._ending.title}, and this socket is being closed.")

    def renew(self, principal: Principal) -> None:
        """Continue with a token that is good until it expires, plus the tolerated clock skew."""
        self.principal = principal
        if self._expiry is not None:
            self._expiry.cancel()
        seconds = principal.expires_at.timestamp() + self._sessions.clock_skew_s - time.time()
        self._expiry = asyncio.get_running_loop().call_later(max(seconds, 0), self._expire)

    async def turn(self, *, sends: int = 0) -> None:
        """Wait until at most so many messages are in flight to the store."""
        while len(self._sends) > sends:
            await asyncio.wait(self._sends, return_when=asyncio.FIRST_COMPLETED)

    def send(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin to store a message; the socket's next event need not wait for it."""
        return spawn(work, self._sends)

    def leave(self, conversation_id: str) -> None:
        """Leave a room, or give up joining it."""
        self.rooms.pop(conversation_id, None)
        self._sessions.rooms.leave(conversation_id, self.sid)
        self._sessions.typing.end(conversation_id, self.uid, self.sid)

    def resync(self, conversation_id: str, after: int) -> None:
        """Leave a room whose entries it cannot be sent; the client joins again from `after`."""
        if conversation_id in self.rooms:
            self.leave(conversation_id)
            resync = {"conversationId": conversation_id, "after": after}
            self._sessions.server.send(self.sid, "resync", resync)

    def resync_all(self) -> None:
        """Leave every room that it is live in, as `resync` does."""
        for conversation_id in list(self.rooms):
            position = self._sessions.rooms.position(conversation_id, self.sid)
            if position is not None:
                self.resync(conversation_id, position)

    def erased(self, conversation_id: str, erasure: Erasure) -> None:
        """Send which messages are empty now, in parts of at most MAX_SEQS."""
        for start in range(0, len(erasure.seqs), MAX_SEQS):
            seqs = erasure.seqs[start : start + MAX_SEQS]
            event = {"conversationId": conversation_id, "erasures": erasure.number, "seqs": seqs}
            self._sessions.server.send(self.sid, "erased", event)

    def adjust(self, conversation: Conversation) -> None:
        """Adopt what its user may do in a conversation now; a removal is an entry of its own."""
        with suppress(NotFound):
            standing = access.standing(conversation, self.uid)
            self.rooms[conversation.id] = standing
            if standing == "read":
                self._sessions.typing.end(conversation.id, self.uid, self.sid)

    def dismiss(self, conversation_id: str, reason: Reason) -> None:
        """Leave a room for good and tell the client why."""
        if conversation_id in self.rooms:
            self.leave(conversation_id)
            left = {"conversationId": conversation_id, "reason": reason}
            self._sessions.server.send(self.sid, "left", left)

    def check_soon(self) -> None:
        """Check whether its user is revoked, once its present event is acknowledged."""
        spawn(self._sessions.end_revoked([self]), self._endings)

    async def end(self, why: type[TokenExpired | TokenRevoked]) -> None:
        """Refuse everything from now on, send `auth_expired` and close the connection."""
        if self._ending is not None or self._closed:
            return
        self._ending = why
        if why is TokenRevoked:
            user = self._sessions.pseudonym(self.uid)
            log.info("a socket of a revoked user is closed", extra={"user": user, KIND: TokenRevoked.code})
        self._leave_all()
        self._sessions.server.send(self.sid, "auth_expired", {})
        await self._sessions.server.close_socket(self.sid)

    def close(self) -> None:
        """The connection is gone."""
        self._closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        self._leave_all()

    def _expire(self) -> None:
        spawn(self.end(TokenExpired), self._endings)

    def _leave_all(self) -> None:
        for conversation_id in list(self.rooms):
            self.leave(conversation_id)


class Sessions:
    """Every admitted socket, and what sessions share."""

    def __init__(
        self,
        rooms: Rooms,
        typing: TypingIndicators,
        server: Server,
        adapters: Adapters,
        rates: UserRates,
    ) -> None:
        self.rooms = rooms
        self.typing = typing
        self.server = server
        self.clock_skew_s = adapters.config.clock_skew_s
        self.pseudonym = adapters.store.pseudonym
        self._verifier = adapters.verifier
        self._rates = rates
        self._max_per_user = adapters.config.max_sockets_per_user
        self._sessions: dict[str, Session] = {}
        self._per_user: Counter[str] = Counter()

    def all(self) -> Sequence[Session]:
        """Every session at this moment."""
        return tuple(self._sessions.values())

    def admit(self, sid: str, principal: Principal) -> Session:
        """Admit a socket; raises RateLimited if its user has too many on this instance, or too fast."""
        if 0 < self._max_per_user <= self._per_user[principal.uid]:
            most = f"A user has at most {self._max_per_user} sockets on an instance"
            raise RateLimited(f"{most}: close one, such as another tab's.", retry_after=CROWDED_S)
        self._rates.renew(principal)
        self._per_user[principal.uid] += 1
        session = self._sessions[sid] = Session(sid, principal, self)
        return session

    def get(self, sid: str) -> Session:
        """The session of a socket; raises Unauthenticated if it is gone."""
        session = self._sessions.get(sid)
        if session is None:
            raise Unauthenticated("This socket is closed.")
        return session

    async def watch(self) -> None:
        """End the sessions of revoked users every CHECK_S; until cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            await self.end_revoked(self.all())

    async def end_revoked(self, sessions: Collection[Session]) -> None:
        """End those of these sessions whose user was disabled, deleted or revoked."""
        live = [session for session in sessions if not session.ending]
        revoked = set(await self._verifier.revoked({session.principal for session in live}))
        await asyncio.gather(*(s.end(TokenRevoked) for s in live if s.principal in revoked))

    def remove(self, sid: str) -> None:
        """Close the session of a connection that is gone, if it has one."""
        session = self._sessions.pop(sid, None)
        if session is not None:
            session.close()
            self._per_user[session.uid] -= 1
            if not self._per_user[session.uid]:
                del self._per_user[session.uid]
