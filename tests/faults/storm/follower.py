"""A client that follows conversations: it joins, pages, listens, and after every loss joins again."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.faults.storm.record import Entry, Recording, View
from tests.support.sockets import Socket, Sockets
from tests.support.users import User

KINDS = frozenset({"message", "message_changed", "conversation_changed", "finalized"})
AWAY_S = 0.5
"""Seconds after which a client whose user was removed looks whether it may come back."""
TEMPORARY = frozenset({"unavailable", "rate_limited"})


class Follower:
    """One client of one user. Comes back after every loss, to the next instance each time."""

    def __init__(
        self, name: str, user: User, sockets: Sockets, urls: Sequence[str], *, recording: Recording, seed: str
    ) -> None:
        self.name = name
        self.user = user
        self._views: dict[str, View] = {}
        self._sockets = sockets
        self._urls = urls
        self._recording = recording
        self._random = random.Random(seed)
        self._turn = self._random.randrange(len(urls))
        self._socket: Socket | None = None
        self._live: set[str] = set()
        self._joining: set[str] = set()
        self._connecting_since = 0.0
        self._named: str | None = None  # the room that the handshake asks for
        self._closed = False
        self._connect()

    @property
    def socket(self) -> Socket | None:
        """The socket to send over, if it is connected."""
        return self._socket if self._socket is not None and self._socket.ready else None

    @property
    def instance(self) -> int:
        """The instance that it is at, or on its way to."""
        return self._turn % len(self._urls)

    def close(self) -> None:
        self._closed = True
        if self._socket is not None:
            self._socket.close()

    def follow(self, conversation: str) -> None:
        """Follow this conversation from its beginning."""
        view = self._views[conversation] = View(self.name, self.user.uid, conversation)
        self._recording.views.append(view)
        if self.socket is not None:
            self._join(view)

    def wander(self) -> None:
        """Go to the next instance, as clients do when networks change."""
        self._move_on(self._random.uniform(0, 0.2))

    def step_out_and_in(self) -> None:
        """Leave one of the rooms, and come back at once."""
        if self._live and self.socket is not None:
            view = self._views[self._random.choice(sorted(self._live))]
            self._live.discard(view.conversation)
            self._ask("leave", view, lambda _: self._join(view))

    # Events of the socket.

    def connected(self) -> None:
        """Join every room but the one that the handshake named."""
        for view in self._unfinished():
            if view.conversation != self._named:
                self._join(view)

    def refused(self, problem: Any) -> None:
        """Try the next instance; a refusal that is not temporary is a complaint."""
        code = problem.get("code") if isinstance(problem, Mapping) else None
        if code == "not_found" and self._named is not None:
            self._views[self._named].denied = True
        elif code is not None and code not in TEMPORARY:
            self._complain(f"was refused: {code}")
        self._move_on(self._pause())

    def closed(self) -> None:
        """Come back elsewhere."""
        self._move_on(self._pause())

    def on_event(self, event: str, payload: Any) -> None:
        """Handle an event of the server."""
        if event in KINDS:
            self._take(self._views[payload["conversationId"]], payload)
        elif event == "joined":
            self._take_page(self._views[payload["conversation"]["id"]], payload, self._connecting_since)
        elif event == "resync":
            view = self._views[payload["conversationId"]]
            self._live.discard(view.conversation)
            self._join(view, payload["after"])
        elif event == "left" and payload["reason"] == "removed":
            view = self._views[payload["conversationId"]]
            view.dismissals.append(len(view.deliveries))
            self._live.discard(view.conversation)
            self._join_later(view, AWAY_S)
        elif event == "going_away":
            self._move_on(payload["reconnectAfterMs"] / 1000)
        else:
            self._complain(f"received {event}")

    # Connections and joins.

    def _connect(self) -> None:
        if self._closed:
            return
        self._turn += 1
        self._connecting_since = time.monotonic()
        auth: dict[str, Any] = {"token": self.user.token}
        views = self._unfinished()
        self._named = None
        known = [view for view in views if not view.denied]
        if known and self._random.random() < 0.5:
            view = self._random.choice(known)
            self._named = view.conversation
            auth |= {"conversationId": view.conversation, "after": view.last}
        self._socket = self._sockets.open(self._urls[self.instance], auth, self)

    def _move_on(self, pause: float) -> None:
        socket, self._socket = self._socket, None
        self._live.clear()
        self._joining.clear()
        if socket is not None:
            socket.close()
            asyncio.get_running_loop().call_later(pause, self._connect)

    def _join(self, view: View, after: int | None = None) -> None:
        if view.conversation in self._joining:
            return
        self._joining.add(view.conversation)
        after, asked = view.last if after is None else after, time.monotonic()
        self._ask("join", view, lambda page: self._take_page(view, page, asked), after=after)

    def _join_later(self, view: View, pause: float) -> None:
        socket = self._socket

        def join() -> None:
            here = socket is not None and socket is self._socket and not socket.over
            if here and view.conversation not in self._live:
                self._join(view)

        asyncio.get_running_loop().call_later(pause, join)

    def _ask(
        self, event: str, view: View, succeeded: Callable[[Mapping[str, Any]], None], **fields: int
    ) -> None:
        """Emit an event about a room; after a failure join later, and elsewhere if nothing answered."""
        socket = self._socket
        assert socket is not None

        def answered(ack: Any) -> None:
            if socket is not self._socket or socket.over:
                return
            self._joining.discard(view.conversation)
            if ack is None:
                self._move_on(self._pause())
            elif ack["ok"]:
                succeeded(ack)
            elif ack["error"]["code"] in TEMPORARY:
                self._join_later(view, self._pause())
            elif ack["error"]["code"] == "not_found":
                view.denied = True
                self._join_later(view, AWAY_S)
            else:
                self._complain(f"could not {event}: {ack['error']['code']}")

        socket.emit(event, {"conversationId": view.conversation, **fields}, answered)

    def _take_page(self, view: View, page: Mapping[str, Any], asked: float) -> None:
        """Take a page, and ask for the next one until the room is live."""
        for entry in page["entries"]:
            self._take(view, entry, asked)
        view.adopt(page["conversation"])
        if page["hasMore"]:
            self._join(view)
            return
        self._live.add(view.conversation)

    def _take(self, view: View, entry: Entry, asked: float | None = None) -> None:
        view.take(self._recording.shared(entry), asked)

    def _unfinished(self) -> list[View]:
        return [view for view in self._views.values() if not view.complete]

    def _pause(self) -> float:
        return self._random.uniform(0.05, 0.4)

    def _complain(self, what: str) -> None:
        self._recording.complaints.append(f"{self.name} {what}")
