"""A client that builds a conversation from acknowledgements and events alone, one step at a time."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from tests.support.hand_bus import GATE, Gate, Instance, Payload

JOINED = 3
"""The steps of a join: the server has read, has acknowledged, has made the socket live."""


@dataclass
class View:
    """What a client knows of a conversation."""

    user: str
    conversation: Payload = field(default_factory=dict)
    start: int = 0
    """The number before the first entry that it has."""
    end: int = 0
    """The number up to which it has the log."""
    messages: dict[int, Payload] = field(default_factory=dict)
    """By number, each in the highest version that came."""
    live: bool = False
    """Whether it is in the room, as it understands."""
    removed: bool = False
    """Whether the last entry that it got removed its user."""

    def take_event(self, event: str, data: Payload) -> None:
        """Apply an event of the server; fails unless it is the next one."""
        assert self.live, f"{event} came outside of a room"
        if event == "resync":
            assert data["after"] == self.end, f"resync after {data['after']}, and it is at {self.end}"
            self.live = False
            return
        if event == "left":
            assert self.removed, "it left, and no entry has removed it"
            self.live = False
            return
        assert not self.removed, f"entry {data['seq']} came after its removal"
        assert (event, data["seq"]) == (data["kind"], self.end + 1), f"{data['seq']} came after {self.end}"
        self.take_entry(data)

    def take_entry(self, entry: Payload) -> None:
        """Apply an entry: a state replaces an older one."""
        kind, seq, known = entry["kind"], entry["seq"], self.conversation
        self.end = seq
        if seq > known["seq"]:
            known["seq"] = seq
            known["messageCount"] += kind == "message"
            if kind == "message":
                known["updatedAt"] = entry["createdAt"]
            if kind == "finalized":
                at = entry["finalizedAt"]
                known |= {"status": "finalized", "updatedAt": at, "finalizedAt": at}
        if kind == "conversation_changed":
            self.removed = self.user in entry["changes"].get("removed", ())
            state = entry["conversation"]
            if state is not None and state["seq"] >= known["seq"]:
                self.conversation = dict(state)
        message = entry if kind == "message" else entry.get("message")
        if message is not None and message["seq"] > self.start:
            held = self.messages.get(message["seq"])
            if held is None or message["version"] >= held["version"]:
                self.messages[message["seq"]] = message

    def take_page(self, page: Payload, after: int | None) -> None:
        """Apply the acknowledgement of a join."""
        head, first = page["conversation"]["seq"], page.get("messages", ())
        if after is None or after != self.end:
            self.messages = {message["seq"]: message for message in first}
            self.start = after if after is not None else first[0]["seq"] - 1 if first else head
            self.end = self.start
        self.conversation, self.removed = dict(page["conversation"]), False
        for entry in page.get("entries", ()):
            self.take_entry(entry)
        self.conversation, self.removed = dict(page["conversation"]), False
        self.live = after is None or not page["hasMore"]
        self.end = head if self.live else self.end


class Client:
    """One socket of one user in one room. Its join proceeds by steps, so that others interleave."""

    def __init__(self, sid: str, user: str, instance: Instance, room: str) -> None:
        self.user = user
        self.room = room
        self.view = View(user)
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
            assert ack["error"]["code"] in ("unavailable", "invalid_request", "not_found")
