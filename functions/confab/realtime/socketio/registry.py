"""The sockets of a process, and what all of them share."""

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from confab.realtime.socketio.admission import WaitingRoom
from confab.realtime.socketio.api import Application, Settings
from confab.realtime.socketio.wire import Writer

if TYPE_CHECKING:
    from confab.realtime.socketio.outlet import Outlet
    from confab.realtime.socketio.socket import Socket

log = logging.getLogger(__name__)

LINGER_S = 1.0
"""Seconds for which a socket that was closed may take what is queued for it."""
STALLED_S = 10.0
"""Seconds for which a socket with too much unsent may take nothing before it is closed."""
CROWDED_BYTES = 16_384
"""Unsent bytes from which on a socket counts, while all of them together have too many."""
RELIEF_S = 0.05
"""Seconds between two looks at the backlog while it is too large."""


class Relieved(NamedTuple):
    """A socket that was resynced for the backlog: what it had taken, and since when it takes nothing."""

    taken: int
    since: float


class Registry:
    """The sessions that are open here, those that wait for admission, and those that are admitted."""

    application: Application

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sessions: dict[str, Socket] = {}
        """By the session's id, also those whose client may still fetch what was left."""
        self.admitted: dict[str, Socket] = {}
        """By the socket's id."""
        self.waiting = WaitingRoom(settings.sockets_per_address, settings.waiting_sockets)
        self.writer = Writer(settings.max_backlog_bytes, self.relieve)
        self.backlog = self.writer.backlog
        self._relieved: dict[str, Relieved] = {}
        self._total = 0  # of the backlog, when it was looked at
        self._look: asyncio.TimerHandle | None = None

    def open(self, socket: "Socket") -> None:
        """Let a new session wait for admission, in the place of another one if there are too many."""
        self.sessions[socket.session.sid] = socket
        self._wait(socket)

    def admit(self, socket: "Socket") -> None:
        """The socket has shown a good token."""
        self.waiting.leave(socket.session.sid)
        self.admitted[socket.sid] = socket

    def leave(self, socket: "Socket") -> None:
        """The socket has left the namespace, and its client may shake hands again."""
        del self.admitted[socket.sid]
        self.application.disconnected(socket.sid)
        self._wait(socket)

    def release(self, socket: "Socket", *, linger: bool) -> None:
        """The session has ended; its client may fetch what was left if it lingers."""
        sid = socket.session.sid
        self.waiting.leave(sid)
        if self.admitted.pop(socket.sid, None) is not None:
            self.application.disconnected(socket.sid)
        if linger:
            asyncio.get_running_loop().call_later(LINGER_S, self.forget, sid)
        else:
            self.forget(sid)

    def forget(self, sid: str) -> None:
        """Keep nothing of a session that has ended."""
        if (socket := self.sessions.pop(sid, None)) is not None:
            socket.session.take()
        self.backlog.note(sid, 0)
        self._relieved.pop(sid, None)

    def _wait(self, socket: "Socket") -> None:
        oldest = self.waiting.enter(socket.session.sid, socket.address)
        if oldest is not None:
            self.sessions[oldest].close()

    # What is not sent yet

    def holds_too_much(self, outlet: "Outlet") -> bool:
        """Whether a socket has to read before its next packet is handled."""
        unsent = outlet.unsent
        if unsent > self.settings.max_unsent_bytes:
            return True
        if unsent <= CROWDED_BYTES:
            return False
        outlet.note_unsent()
        if self.backlog.total <= self.settings.max_backlog_bytes:
            return False
        self.relieve()
        return self.backlog.total > self.settings.max_backlog_bytes

    def relieve(self) -> None:
        """Look after the backlog every RELIEF_S for as long as it is too large."""
        if self._look is None:
            self._relieve()

    def _relieve(self) -> None:
        """Resync the socket with most unsent if the backlog grows, and end those that take nothing."""
        loop, before = asyncio.get_running_loop(), self._total
        for sid in self.backlog.heaviest():
            self.sessions[sid].outlet.note_unsent()
        self._end_stalled(loop.time())
        self._total = self.backlog.total
        if self._total <= self.settings.max_backlog_bytes:
            self._look = None
            return
        self._look = loop.call_later(RELIEF_S, self._relieve)
        heaviest = next((sid for sid in self.backlog.heaviest() if sid not in self._relieved), None)
        if self._total <= before or heaviest is None:
            return
        socket = self.sessions[heaviest]
        if (unsent := socket.outlet.unsent) > CROWDED_BYTES:
            self._relieved[heaviest] = Relieved(socket.outlet.taken, loop.time())
            log.warning("too much is not sent yet; the socket with most is resynced")
            if socket.sid in self.admitted:  # it may have left the namespace
                self.application.resync(socket.sid)
            self._total += socket.outlet.unsent - unsent  # which is no growth that another one has to pay for

    def _end_stalled(self, now: float) -> None:
        for sid, (taken, since) in list(self._relieved.items()):
            socket = self.sessions[sid]
            if socket.outlet.unsent <= CROWDED_BYTES:
                del self._relieved[sid]
            elif socket.outlet.taken > taken:
                self._relieved[sid] = Relieved(socket.outlet.taken, now)
            elif now - since > STALLED_S:
                socket.abort()
