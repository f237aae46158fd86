"""A client that follows conversations: it joins, pages, listens, and after every loss joins again."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.faults.storm.record import Entry, Recording, View
from tests.support.sockets import Socket, Sockets
from tests.support.users import User

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
        view = self._views[conversation] = View(self.name, conversation)
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
        if isinstance(problem, Mapping) and problem.get("code") not in TEMPORARY:
            self._complain(f"was refused: {problem.get('code')}")
        self._move_on(self._pause())

    def closed(self) -> None:
        """Come back elsewhere."""
        self._move_on(self._pause())

    def on_event(self, event: str, payload: Any) -> None:
        """Handle an event of the server."""
        if event in ("message", "finalized"):
            self._take(self._views[payload["conversationId"]], payload, live=True)
        elif event == "joined":
            self._take_page(self._views[payload["conversation"]["id"]], payload)
        elif event == "resync":
            view = self._views[payload["conversationId"]]
            self._live.discard(view.conversation)
            self._join(view, payload["after"])
        elif event == "going_away":
            self._move_on(payload["reconnectAfterMs"] / 1000)
        else:
            self._complain(f"received {event}")

    # Connections and joins.

    def _connect(self) -> None:
        if self._closed:
            return
        self._turn += 1
        auth: dict[str, Any] = {"token": self.user.token}
        views = self._unfinished()
        self._named = None
        if views and self._random.random() < 0.5:
            view = self._random.choice(views)
            self._named = view.conversation
            auth |= {"conversationId": view.conversation, "after": view.last}
        self._socket = self._sockets.open(self._urls[self.instance], auth, self)

    def _move_on(self, pause: float) -> None:
        socket, self._socket = self._socket, None
        self._live.clear()
        if socket is not None:
            socket.close()
            asyncio.get_running_loop().call_later(pause, self._connect)

    def _join(self, view: View, after: int | None = None) -> None:
        after = view.last if after is None else after
        self._ask("join", view, lambda page: self._take_page(view, page), after=after)

    def _ask(
        self, event: str, view: View, succeeded: Callable[[Mapping[str, Any]], None], **fields: int
    ) -> None:
        """Emit an event about a room; after a failure join later, and elsewhere if nothing answered."""
        socket = self._socket
        assert socket is not None

        def answered(ack: Any) -> None:
            if socket is not self._socket or socket.over:
                return
            if ack is None:
                self._move_on(self._pause())
            elif ack["ok"]:
                succeeded(ack)
            elif ack["error"]["code"] in TEMPORARY:
                asyncio.get_running_loop().call_later(self._pause(), again)
            else:
                self._complain(f"could not {event}: {ack['error']['code']}")

        def again() -> None:
            if socket is self._socket and not socket.over:
                self._join(view)

        socket.emit(event, {"conversationId": view.conversation, **fields}, answered)

    def _take_page(self, view: View, page: Mapping[str, Any]) -> None:
        """Take a page, and ask for the next one until the room is live."""
        for message in page["messages"]:
            self._take(view, message, live=False)
        if page["hasMore"]:
            self._join(view)
            return
        self._live.add(view.conversation)
        conversation = page["conversation"]
        if conversation["status"] == "finalized" and view.last < conversation["seq"]:
            self._take(view, finalization(conversation), live=False)

    def _take(self, view: View, entry: Entry, *, live: bool) -> None:
        view.take(self._recording.shared(entry), live=live)

    def _unfinished(self) -> list[View]:
        return [view for view in self._views.values() if not view.complete]

    def _pause(self) -> float:
        return self._random.uniform(0.05, 0.4)

    def _complain(self, what: str) -> None:
        self._recording.complaints.append(f"{self.name} {what}")


def finalization(conversation: Mapping[str, Any]) -> Entry:
    """The last entry of a finalized conversation, as the event `finalized` has it."""
    return {
        "conversationId": conversation["id"],
        "seq": conversation["seq"],
        "finalizedAt": conversation["finalizedAt"],
    }
