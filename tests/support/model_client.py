"""A client that builds a conversation from acknowledgements and events alone, one step at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.support.hand_bus import GATE, Gate, Instance, Payload

CHANGES: dict[str, Callable[[Payload], Payload]] = {
    "message": lambda data: {"updatedAt": data["createdAt"]},
    "finalized": lambda data: {
        "status": "finalized",
        "updatedAt": data["finalizedAt"],
        "finalizedAt": data["finalizedAt"],
    },
}
"""What an entry changes in its conversation, by event."""
JOINED = 3
"""The steps of a join: the server has read, has acknowledged, has made the socket live."""


@dataclass
class View:
    """What a client knows of a conversation."""

    conversation: Payload = field(default_factory=dict)
    start: int = 0
    """The number before the first entry that it has."""
    end: int = 0
    """The number up to which it has the log."""
    messages: list[Payload] = field(default_factory=list)
    live: bool = False
    """Whether it is in the room, as it understands."""

    def take_event(self, event: str, data: Payload) -> None:
        """Apply an event of the server; fails unless it is the next one."""
        if event == "resync":
            assert data["after"] == self.end, f"resync after {data['after']}, and it is at {self.end}"
            self.live = False
            return
        assert self.live, f"entry {data['seq']} came outside of a room"
        assert data["seq"] == self.end + 1, f"entry {data['seq']} came after entry {self.end}"
        self.end = data["seq"]
        self.conversation |= {"seq": data["seq"], **CHANGES[event](data)}
        self.conversation["messageCount"] += event == "message"
        if event == "message":
            self.messages.append(data)

    def take_page(self, page: Payload, after: int | None) -> None:
        """Apply the acknowledgement of a join."""
        head = page["conversation"]["seq"]
        entries = page["messages"] if after is None else page["entries"]
        messages = [entry for entry in entries if entry["kind"] == "message"]
        if after is None or after != self.end:
            self.messages = []
            self.start = after if after is not None else messages[0]["seq"] - 1 if messages else head
        self.conversation = dict(page["conversation"])
        self.messages = [*self.messages, *messages]
        self.live = after is None or not page["hasMore"]
        self.end = head if self.live else entries[-1]["seq"]


class Client:
    """One socket of one user in one room. Its join proceeds by steps, so that others interleave."""

    def __init__(self, sid: str, user: str, instance: Instance, room: str) -> None:
        self.user = user
        self.room = room
        self.view = View()
        self._sid = sid
        self._instance = instance
        self._gate = Gate()
        self._acknowledged = asyncio.Event()
        self._joining: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether no join of it is in flight."""
        return self._joining is None

    @property
    def working(self) -> bool:
        """Whether the server works on its join, and is not held at the gate."""
        return self._joining is not None and (self._gate.open.is_set() or not self._gate.reached.is_set())

    async def connect(self) -> None:
        await self._instance.connect(self._sid, self.user)

    async def join(self, after: int | None, steps: int) -> None:
        """Ask to join, and take so many steps; JOINED are all."""
        payload: Payload = {"conversationId": self.room} | ({} if after is None else {"after": after})
        self._gate, self._acknowledged = Gate(), asyncio.Event()
        GATE.set(self._gate)
        ack = partial(self._answered, self._acknowledged, after)
        self._joining = asyncio.create_task(self._instance.begin(self._sid, "join", payload, ack))
        GATE.set(None)
        for _ in range(steps):
            await self.step()

    async def step(self) -> None:
        """Take the next step: the server has read, then acknowledged, then made the socket live."""
        if self._joining is None:
            return
        if not self._gate.reached.is_set():
            await self._until(self._gate.reached)
        elif not self._gate.open.is_set():
            self._gate.open.set()
            await self._until(self._acknowledged)
        else:
            await self._until(asyncio.Event())

    def collect(self) -> None:
        """Note that its join has ended."""
        if self._joining is not None and self._joining.done():
            self._joining.result()
            self._joining = None

    async def leave(self) -> None:
        assert (await self._instance.ask(self._sid, "leave", {"conversationId": self.room}))["ok"]
        self.view.live = False

    def disconnect(self) -> None:
        self._acknowledged.set()
        self._gate.open.set()
        self._instance.disconnect(self._sid)

    async def _until(self, reached: asyncio.Event) -> None:
        """Wait for that, or for the end of the join."""
        assert self._joining is not None
        waiting = asyncio.create_task(reached.wait())
        await asyncio.wait((self._joining, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        self.collect()

    def _answered(self, acknowledged: asyncio.Event, after: int | None, ack: Payload) -> None:
        if acknowledged.is_set():  # it has disconnected
            return
        acknowledged.set()
        if ack["ok"]:
            self.view.take_page(ack, after)
        else:  # it stays where it was
            assert ack["error"]["code"] in ("unavailable", "invalid_request")
