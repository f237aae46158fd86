"""The sockets of this instance: whose each is, which rooms it is in, and when its token ends."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confab.domain.access import Standing
from confab.domain.errors import RateLimited, TokenExpired, TokenRevoked
from confab.domain.models import Principal


@dataclass(slots=True)
class Socket:
    """One connected client."""

    sid: str
    principal: Principal
    rooms: dict[str, Standing] = field(default_factory=dict)
    """The rooms it is in, and what its user is there, which never changes."""
    sending: set[asyncio.Task[Any]] = field(default_factory=set)
    """The messages it has sent that are not stored yet."""
    ending: type[TokenExpired] | type[TokenRevoked] | None = None
    """Why it is being closed, and nothing it says counts any more."""

    def require_token(self) -> None:
        """Go on only if its token is good; once it is not, a renewal comes too late."""
        if self.ending is not None:
            raise self.ending(f"{self.ending.title}, and this socket is being closed.")


class Sockets:
    """Every socket that passed its handshake."""

    def __init__(self, max_per_user: int) -> None:
        self._max_per_user = max_per_user
        self._sockets: dict[str, Socket] = {}
        self._per_user: Counter[str] = Counter()

    def all(self) -> Sequence[Socket]:
        """Every socket at this moment."""
        return tuple(self._sockets.values())

    def add(self, sid: str, principal: Principal) -> Socket:
        """Admit a socket; raises RateLimited if its user has too many on this instance."""
        if 0 < self._max_per_user <= self._per_user[principal.uid]:
            raise RateLimited(f"A user has at most {self._max_per_user} sockets on an instance.")
        self._per_user[principal.uid] += 1
        socket = self._sockets[sid] = Socket(sid, principal)
        return socket

    def get(self, sid: str) -> Socket | None:
        """The socket, unless it is gone."""
        return self._sockets.get(sid)

    def remove(self, sid: str) -> Socket | None:
        """Forget a socket; returns it if it was there."""
        socket = self._sockets.pop(sid, None)
        if socket is not None:
            uid = socket.principal.uid
            self._per_user[uid] -= 1
            if not self._per_user[uid]:
                del self._per_user[uid]
        return socket

    def of_others(self, sids: Iterable[str], uid: str) -> list[str]:
        """Those of `sids` that belong to other users than `uid`."""
        return [sid for sid in sids if (s := self._sockets.get(sid)) and s.principal.uid != uid]
