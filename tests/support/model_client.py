"""A client that puts a conversation together from answers and events alone, one step at a time."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from confab.realtime.events import SocketEvents
from confab.realtime.transport import Reply
from tests.support.hand_bus import Instance, Payload

JOINED = 3
"""The steps of a join: it is answered, begins to enter, has entered."""


@dataclass
class View:
    """What a client knows of a conversation."""

    conversation: Payload = field(default_factory=dict)
    start: int = 0
    """The number in front of the first entry that it has."""
    end: int = 0
    """The number up to which it has the log."""
    messages: list[Payload] = field(default_factory=list)
    live: bool = False
    """Whether it is in the room, as it understands."""

    def take_event(self, event: str, data: Payload) -> None:
        """Take in what the server tells; fails if that is not what comes next."""
        if event == "resync":
            assert data["after"] == self.end, f"told to go on from {data['after']}, and it is at {self.end}"
            self.live = False
            return
        assert self.live, f"entry {data['seq']} came outside of a room"
        assert data["seq"] == self.end + 1, f"entry {data['seq']} came after entry {self.end}"
        self.end = data["seq"]
        if event == "message":
            self.messages.append(data)
            self.conversation |= {"seq": data["seq"], "updatedAt": data["createdAt"]}
        else:
            at = data["finalizedAt"]
            closed = {"seq": data["seq"], "status": "finalized", "updatedAt": at, "finalizedAt": at}
            self.conversation |= closed

    def take_page(self, page: Payload, after: int | None) -> None:
        """Take in the answer to a join."""
        head, messages = page["conversation"]["seq"], page["messages"]
        if after is None or after != self.end:
            self.messages = []
            self.start = after if after is not None else messages[0]["seq"] - 1 if messages else head
        self.conversation = dict(page["conversation"])
        self.messages = [*self.messages, *messages]
        self.live = after is None or not page["hasMore"]
        self.end = head if self.live else messages[-1]["seq"]


class Client:
    """One socket of one user in one room. Its join goes on by steps, so that others come in between."""

    def __init__(self, sid: str, user: str, instance: Instance, room: str) -> None:
        self.user = user
        self.room = room
        self.view = View()
        self._sid = sid
        self._instance = instance
        self._after: int | None = None
        self._asking: asyncio.Task[Reply] | None = None
        self._answer: Reply | None = None
        self._entering: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether none of its joins is on its way."""
        return self._asking is None and self._answer is None and self._entering is None

    @property
    def working(self) -> bool:
        """Whether the server is at its join."""
        return self._asking is not None or self._entering is not None

    async def connect(self) -> None:
        await self._instance.events.connected(self._sid, {"token": self.user})

    async def join(self, after: int | None, steps: int) -> None:
        """Ask to join, and take so many steps; JOINED are all."""
        self._after = after
        payload: Payload = {"conversationId": self.room} | ({} if after is None else {"after": after})
        self._asking = asyncio.create_task(ask(self._instance.events, self._sid, "join", payload))
        for _ in range(steps):
            await self.step()

    async def step(self) -> None:
        """The next step: the server reads and answers, then begins to let it in, then has let it in."""
        if self._asking is not None:
            await asyncio.wait((self._asking,))
            self.collect()
        elif self._answer is not None:
            then, self._answer = self._answer.then, None
            self._entering = None if then is None else asyncio.create_task(_carry_out(then))
        elif self._entering is not None:
            await asyncio.wait((self._entering,))
            self.collect()

    def collect(self) -> None:
        """Take in what the server has finished."""
        if self._asking is not None and self._asking.done():
            reply, self._asking = self._asking.result(), None
            self._answered(reply)
        if self._entering is not None and self._entering.done():
            self._entering.result()
            self._entering = None

    async def leave(self) -> None:
        reply = await ask(self._instance.events, self._sid, "leave", {"conversationId": self.room})
        assert reply.ack["ok"]
        self.view.live = False

    def disconnect(self) -> None:
        self._instance.events.disconnected(self._sid)

    def _answered(self, reply: Reply) -> None:
        if reply.ack["ok"]:
            self.view.take_page(dict(reply.ack), self._after)
            self._answer = reply
        else:  # it stays where it was
            assert reply.ack["error"]["code"] in ("unavailable", "invalid_request")


async def _carry_out(then: Any) -> None:
    await then()


async def ask(events: SocketEvents, sid: str, name: str, payload: Payload) -> Reply:
    """The reply to an event, once it is there."""
    answer = await events.event(sid, name, [payload])
    reply = await answer if isinstance(answer, asyncio.Task) else answer
    return Reply(from_json(to_json(reply.ack, by_alias=True)), reply.then)
