"""An attack as its attacker sees it: the target, and the outcome to report."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.everything import EVERYTHING
from tests.hostile.raw import ANSWER_S, Answer, exchange, http
from tests.support.wire import WireSocket

API = "/api/conversations"
CREATE, ADD, GET = "create_conversation", "add_message", "get_conversation"
LIMITED = EVERYTHING
"""A function of every operation, in which users have the default rates; in the others they have none."""
TTL_S = 5
"""Seconds for which the target trusts what it knows of a user."""
AGAIN_S = 0.5
PATIENCE = 60
"""How often a preparation is tried again that a limit refused."""
AT_A_TIME = 6


@dataclass(frozen=True, slots=True)
class Target:
    """Where everything is, as `host:port`; `functions` by name."""

    instances: list[str]
    functions: dict[str, str]
    google: str
    bus: str
    small: bool
    seed: int


@dataclass(slots=True)
class Outcome:
    """An attacker's report of its attack."""

    sent: str = ""
    figures: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    """How often which status came back, with the code above 499."""
    growth_mib: float | None = None
    """By how much the instance that was attacked may have grown at most, if that matters."""


class Attempt:
    """One attack. Its time begins with `begin`; what comes before it is preparation."""

    def __init__(self, target: Target, begin: Callable[[], Awaitable[None]]) -> None:
        self.target = target
        self.outcome = Outcome()
        self.begin = begin
        self.random = random.Random(target.seed)
        self._tokens: dict[str, str] = {}

    @property
    def instance(self) -> str:
        """The instance that is attacked."""
        return self.target.instances[0]

    def count(self, full: int, small: int) -> int:
        return small if self.target.small else full

    def note(self, name: str, value: object) -> None:
        self.outcome.figures[name] = str(value)

    def fail(self, text: str) -> None:
        """Say, once, that something happened that must not happen."""
        if text not in self.outcome.failures:
            self.outcome.failures.append(text)

    def saw(self, *answers: Answer) -> None:
        for answer in answers:
            self.outcome.answers[answer.said] = self.outcome.answers.get(answer.said, 0) + 1

    async def token(self, uid: str) -> str:
        """A good token of this user."""
        if uid not in self._tokens:
            self._tokens[uid] = (await self.google("GET", f"/control/token?uid={uid}"))["token"]
        return self._tokens[uid]

    async def google(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return json.loads((await exchange(self.target.google, http(method, path, {}, data))).body)

    async def headers(self, uid: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.token(uid)}", "Content-Type": "application/json"}

    async def rest(
        self, function: str, path: str, uid: str, body: Any = None, within_s: float = ANSWER_S
    ) -> Answer:
        """A user's call of a function: a POST if there is a body."""
        method, data = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
        request = http(method, API + path, await self.headers(uid), data)
        return await exchange(self.target.functions[function], request, within_s)

    async def conversation(self, owner: str, members: list[str], **fields: Any) -> str:
        wish = {"type": "chat", "members": [{"userId": uid} for uid in members], **fields}
        room: str = (await self._insist(CREATE, "", owner, wish))["id"]
        return room

    async def write(self, room: str, author: str, content: str) -> int:
        """A message over REST; its number."""
        seq: int = (await self._insist(ADD, f"/{room}/messages", author, {"content": content}))["seq"]
        return seq

    async def socket(self, uid: str, *, instance: int = 0, room: str | None = None) -> WireSocket:
        """A connected socket, in the room if one is given."""
        url = f"http://{self.target.instances[instance]}"
        socket = await WireSocket.connected(url, {"token": await self.token(uid)})
        if room is not None:
            ack = await socket.call("join", {"conversationId": room})
            assert ack["ok"], ack
        return socket

    async def sockets(self, uids: tuple[str, ...], room: str) -> list[WireSocket]:
        """A socket in the room on every instance, of these users in turn."""
        each = range(len(self.target.instances))
        return [await self.socket(uids[n % len(uids)], instance=n, room=room) for n in each]

    async def _insist(self, function: str, path: str, uid: str, body: Any) -> Any:
        for _ in range(PATIENCE):
            answer = await self.rest(function, path, uid, body)
            if answer.status == 201:
                return json.loads(answer.body)
            assert answer.status in (0, 429, 503), answer
            await asyncio.sleep(AGAIN_S)
        raise AssertionError(f"{function} takes nothing: {answer.said}")


async def in_parallel(
    work: Callable[[int], Awaitable[Any]], times: int, at_a_time: int = AT_A_TIME
) -> list[Any]:
    """The results of `work(0)`, `work(1)` and so on, in that order, some at a time."""
    slots = asyncio.Semaphore(at_a_time)

    async def one(number: int) -> Any:
        async with slots:
            return await work(number)

    return await asyncio.gather(*(one(number) for number in range(times)))
