"""An attack as its attacker sees it: the target, and the outcome to report."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.hostile.raw_http import Answer, ask
from tests.hostile.record import Outcome
from tests.support.wire import WireSocket

AGAIN_S = 0.5
PATIENCE = 60
"""How often a preparation is tried again that a limit refused."""
CREATED = 201
TOO_MANY = 429
AT_A_TIME = 6


@dataclass(frozen=True, slots=True)
class Target:
    """Where everything is, as `host:port`."""

    instances: tuple[str, ...]
    functions: dict[str, str]
    google: str
    bus: str
    project: str
    ttl_s: int
    small: bool
    seed: int


class Attempt:
    """One attack. Its time begins with `begin`; what comes before it is preparation."""

    def __init__(self, target: Target, begin: Callable[[], Awaitable[None]]) -> None:
        self.target = target
        self.outcome = Outcome()
        self.begin = begin
        self.random = random.Random(target.seed)

    @property
    def instance(self) -> str:
        """The instance that is attacked."""
        return self.target.instances[0]

    def count(self, full: int, small: int) -> int:
        """How many of something."""
        return small if self.target.small else full

    def note(self, name: str, value: object) -> None:
        """Add a figure."""
        self.outcome.figures[name] = str(value)

    def fail(self, text: str) -> None:
        """Say that something happened that must not happen."""
        self.outcome.failures.append(text)

    def saw(self, *answers: Answer) -> None:
        """Count what came back."""
        for answer in answers:
            self.outcome.answers[answer.said] = self.outcome.answers.get(answer.said, 0) + 1

    async def rest(self, function: str, path: str, uid: str, body: Any = None, **how: Any) -> Answer:
        """A user's call of a function: a POST if there is a body, which may be bytes."""
        headers = {"Authorization": f"Bearer {await self.token(uid)}"} | how.pop("headers", {})
        address = self.target.functions[function]
        if body is None:
            return await ask(address, "GET", f"/api/conversations{path}", headers=headers, **how)
        headers = {"Content-Type": "application/json"} | headers
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await ask(address, "POST", f"/api/conversations{path}", headers=headers, body=data, **how)

    async def token(self, uid: str) -> str:
        """A good token of this user, signed now."""
        token: str = (await self.google("GET", f"/control/token?uid={uid}"))["token"]
        return token

    async def google(self, method: str, path: str, body: Any = None) -> Any:
        """Ask or steer Google."""
        data = None if body is None else json.dumps(body).encode()
        return json.loads((await ask(self.target.google, method, path, body=data)).body)

    async def conversation(self, owner: str, members: list[str]) -> str:
        """A new conversation."""
        wish = {"type": "chat", "members": [{"userId": uid} for uid in members]}
        made = await self._insist("create_conversation", "", owner, wish)
        room: str = json.loads(made.body)["id"]
        return room

    async def write(self, room: str, author: str, content: str) -> int:
        """A message over REST; its number."""
        stored = await self._insist("add_message", f"/{room}/messages", author, {"content": content})
        seq: int = json.loads(stored.body)["seq"]
        return seq

    async def fill(self, room: str, author: str, content: str, messages: int) -> None:
        """Write so many messages, some at a time."""
        left = iter(range(messages))

        async def some() -> None:
            for _ in left:
                await self.write(room, author, content)

        await asyncio.gather(*(some() for _ in range(AT_A_TIME)))

    async def socket(self, uid: str, *, instance: int = 0, room: str | None = None) -> WireSocket:
        """A connected socket, in the room if one is given."""
        url = f"http://{self.target.instances[instance]}"
        socket = await WireSocket.connected(url, {"token": await self.token(uid)})
        if room is not None:
            ack = await socket.call("join", {"conversationId": room})
            assert ack["ok"], ack
        return socket

    async def _insist(self, function: str, path: str, uid: str, body: Any) -> Answer:
        for _ in range(PATIENCE):
            answer = await self.rest(function, path, uid, body)
            if answer.status == CREATED:
                return answer
            assert answer.status in (0, TOO_MANY, 503), answer
            await asyncio.sleep(AGAIN_S)
        raise AssertionError(f"{function} takes nothing: {answer.said}")
