"""Two well-behaved users in a process of their own: `python -m tests.hostile.pair TARGET`.

One writes over a socket every 100 ms, the other over REST; both listen, each on an instance of
its own, and account for every entry. Each observation is a line of JSON on the output. What is
due is begun on time, whatever is still unanswered. The end of the input ends it.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from websockets.exceptions import WebSocketException

from tests.hostile.attempt import ADD, GET, LIMITED, Attempt, Target
from tests.hostile.raw import ANSWER_S, Answer, exchange, http
from tests.support.command import show
from tests.support.wire import WireSocket

SEND_S, REST_S, READY_S = 0.1, 0.25, 1.0
AGAIN_S = 0.5
SETTLE_S, POLL_S = 10.0, 0.05
ALICE, BOB = "alice", "bob"
Entry = Mapping[str, Any]


def took(kind: str, since: float) -> None:
    """Report how long something took."""
    show(json.dumps({"at": since, "kind": kind, "ms": round((time.monotonic() - since) * 1000, 1)}))


def problem(text: str, since: float | None = None) -> None:
    """Report what must not happen; the attack at that time is to blame."""
    show(json.dumps({"at": time.monotonic() if since is None else since, "problem": text}))


class Ledger:
    """What was sent, acknowledged and delivered to whom: each entry once, in order and unchanged."""

    def __init__(self) -> None:
        self.seen = {ALICE: 0, BOB: 0}
        """The highest number that each user got."""
        self._keys = itertools.count(1)
        self._sent: dict[str, tuple[str, float]] = {}
        self._acknowledged: dict[int, str] = {}

    def draft(self, author: str) -> dict[str, str]:
        """A message that its author sends now."""
        key = f"pair-{next(self._keys)}"
        self._sent[key] = author, time.monotonic()
        return {"content": f"content of {key}", "clientMessageId": key}

    def acknowledged(self, message: Entry) -> None:
        """Note that a message was stored."""
        self._acknowledged[message["seq"]] = message["clientMessageId"]

    def delivered(self, uid: str, entry: Entry) -> None:
        """Note an entry that a user got: it has the next number, and is what somebody sent."""
        seq, key, last = entry["seq"], entry["clientMessageId"], self.seen[uid]
        if seq != last + 1:
            problem(f"{uid} got another entry than the next one")
        self.seen[uid] = max(seq, last)
        author, at = self._sent.get(key, ("", 0.0))
        if (entry["author"], entry["content"]) != (author, f"content of {key}"):
            problem(f"{uid} got an entry that nobody wrote")
        elif self._acknowledged.get(seq, key) != key:
            problem(f"{uid} got another entry than was acknowledged")
        elif uid != author:
            took("delivery", at)

    async def settle(self) -> None:
        """Wait until both users have every acknowledged entry; one still missing then is lost."""
        newest, until = max(self._acknowledged, default=0), time.monotonic() + SETTLE_S
        while min(self.seen.values()) < newest and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
        for uid, seen in self.seen.items():
            if seen < newest:
                problem(f"{uid} never got {newest - seen} entries")


class Listener(WireSocket):
    """A socket that passes each event on at once, and keeps none."""

    on_event: Callable[[str, Any], None]

    def remember(self, event: str, payload: Any = None) -> None:
        self.on_event(event, payload)


class Pair:
    """The two users."""

    def __init__(self, attempt: Attempt, room: str) -> None:
        self.ledger = Ledger()
        self._attempt = attempt
        self._room = room
        self._tasks = asyncio.TaskGroup()
        self._sockets: dict[str, Listener] = {}
        self._writers, self._readers = (
            itertools.cycle((ADD, ADD, ADD, LIMITED)),
            itertools.cycle((GET, LIMITED)),
        )

    async def live(self) -> None:
        """Listen, and once both do, write, read and probe at their intervals, for ever."""
        async with self._tasks as tasks:
            for instance, uid in zip(self._attempt.target.instances, (ALICE, BOB), strict=True):
                tasks.create_task(self._listen(uid, instance))
            while len(self._sockets) < 2:
                await asyncio.sleep(POLL_S)
            tasks.create_task(self._every(SEND_S, self._send))
            tasks.create_task(self._every(REST_S, self._post))
            tasks.create_task(self._every(REST_S, self._get))
            tasks.create_task(self._every(READY_S, self._ask_ready))

    async def _listen(self, uid: str, instance: str) -> None:
        """Connect, and again whenever the connection ends."""
        while True:
            try:
                token = await self._attempt.token(uid)
                socket = await Listener.connected(f"http://{instance}", {"token": token})
                socket.on_event = partial(self._on_event, uid)
                await self._join(uid, socket)
                self._sockets[uid] = socket
                await asyncio.wait((socket.reading,))
                problem(f"{uid}'s socket was closed")
            except (OSError, AssertionError, WebSocketException) as error:
                problem(f"{uid} is refused: {type(error).__name__}")
                await asyncio.sleep(AGAIN_S)

    async def _join(self, uid: str, socket: Listener) -> None:
        """Join the room after the last entry that the user has seen."""
        more = True
        while more:
            payload = {"conversationId": self._room, "after": self.ledger.seen[uid]}
            ack = await asyncio.wait_for(socket.call("join", payload), ANSWER_S)
            assert ack["ok"], ack
            for entry in ack["entries"]:
                self.ledger.delivered(uid, entry)
            more = ack["hasMore"]

    def _on_event(self, uid: str, event: str, payload: Any) -> None:
        if event == "message":
            self.ledger.delivered(uid, payload)
        else:
            problem(f"{uid} received {event}")
            if event == "resync":  # which has put the socket out of the room
                self._tasks.create_task(self._sockets[uid].close())

    async def _every(self, seconds: float, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            due = time.monotonic() + seconds
            self._tasks.create_task(act())
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _send(self) -> None:
        at = time.monotonic()
        payload = {"conversationId": self._room, **self.ledger.draft(ALICE)}
        try:
            ack = await asyncio.wait_for(self._sockets[ALICE].call("message", payload), ANSWER_S)
        except (OSError, WebSocketException) as error:
            ack = {"ok": False, "error": {"code": type(error).__name__}}
        if ack["ok"]:
            took("ack", at)
            self.ledger.acknowledged(ack["message"])
        else:
            problem(f"a message was not acknowledged: {ack['error']['code']}", at)

    async def _post(self) -> None:
        at, draft = time.monotonic(), self.ledger.draft(BOB)
        answer = await self._attempt.rest(next(self._writers), f"/{self._room}/messages", BOB, draft)
        if self._took("post", at, answer):
            self.ledger.acknowledged(json.loads(answer.body))

    async def _get(self) -> None:
        at = time.monotonic()
        self._took("get", at, await self._attempt.rest(next(self._readers), f"/{self._room}?limit=5", ALICE))

    def _took(self, kind: str, at: float, answer: Answer) -> bool:
        """Report a call; whether it succeeded."""
        if answer.status not in (200, 201):
            problem(f"{kind} was answered {answer.said}", at)
            return False
        took(kind, at)
        return True

    async def _ask_ready(self) -> None:
        for instance in self._attempt.target.instances:
            at = time.monotonic()
            if (await exchange(instance, http("GET", "/readyz"))).status != 200:
                took("unready", at)


async def _run(target: Target) -> None:
    attempt = Attempt(target, begin=partial(asyncio.sleep, 0))
    pair = Pair(attempt, await attempt.conversation(ALICE, [BOB]))
    living = asyncio.create_task(pair.live())
    await asyncio.to_thread(sys.stdin.read)
    living.cancel()
    await pair.ledger.settle()


if __name__ == "__main__":
    asyncio.run(_run(Target(**json.loads(sys.argv[1]))))
