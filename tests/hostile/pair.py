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
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from websockets.exceptions import WebSocketException

from tests.hostile.attempt import ADD, GET, Attempt, Target
from tests.hostile.raw import ANSWER_S, exchange, http
from tests.support.command import show
from tests.support.wire import WireSocket

SEND_S, REST_S, READY_S = 0.1, 0.25, 1.0
AGAIN_S = 0.5
SETTLE_S, POLL_S = 10.0, 0.05
ALICE, BOB = "alice", "bob"
Entry = Mapping[str, Any]
Report = Callable[[dict[str, Any]], None]


class Ledger:
    """What was sent, acknowledged and delivered to whom: each entry once, in order and unchanged."""

    def __init__(self, report: Report) -> None:
        self.seen = {ALICE: 0, BOB: 0}
        """The highest number that each user got."""
        self._keys = itertools.count(1)
        self._sent: dict[str, tuple[str, float]] = {}
        self._acknowledged: dict[int, str] = {}
        self._report = report

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
            self.problem(f"{uid} got another entry than the next one")
        self.seen[uid] = max(seq, last)
        author, at = self._sent.get(key, ("", 0.0))
        if (entry["author"], entry["content"]) != (author, f"content of {key}"):
            self.problem(f"{uid} got an entry that nobody wrote")
        elif self._acknowledged.get(seq, key) != key:
            self.problem(f"{uid} got another entry than was acknowledged")
        elif uid != author:
            self.took("delivery", at)

    async def settle(self) -> None:
        """Wait until both users have every acknowledged entry; one still missing then is lost."""
        newest, until = max(self._acknowledged, default=0), time.monotonic() + SETTLE_S
        while min(self.seen.values()) < newest and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
        for uid, seen in self.seen.items():
            if seen < newest:
                self.problem(f"{uid} never got {newest - seen} entries")

    def took(self, kind: str, since: float) -> None:
        """Report how long something took."""
        self._report({"at": since, "kind": kind, "ms": round((time.monotonic() - since) * 1000, 1)})

    def problem(self, text: str, since: float | None = None) -> None:
        """Report what must not happen; the attack at that time is to blame."""
        self._report({"at": time.monotonic() if since is None else since, "problem": text})


class Listener(WireSocket):
    """A socket that passes each event on at once, and keeps none."""

    on_event: Callable[[str, Any], None]

    def remember(self, event: str, payload: Any = None) -> None:
        self.on_event(event, payload)


class Pair:
    """The two users."""

    def __init__(self, attempt: Attempt, room: str, ledger: Ledger) -> None:
        self._attempt = attempt
        self._room = room
        self._ledger = ledger
        self._tasks: set[asyncio.Future[None]] = set()
        self._sockets: dict[str, Listener] = {}

    async def live(self) -> None:
        """Listen, write, read and probe at their intervals, for ever."""
        for instance, uid in zip(self._attempt.target.instances, (ALICE, BOB), strict=True):
            await self._connect(uid, instance)
            self._start(self._stay(uid, instance))
        await asyncio.gather(
            self._every(SEND_S, self._send),
            self._every(REST_S, self._post),
            self._every(REST_S, lambda: self._rest("get", GET, f"/{self._room}?limit=5", ALICE)),
            self._every(READY_S, self._ask_ready),
        )

    async def _connect(self, uid: str, instance: str) -> None:
        """Connect, and join the room after the last entry that the user has seen."""
        socket = await Listener.connected(f"http://{instance}", {"token": await self._attempt.token(uid)})
        socket.on_event = lambda event, payload: self._on_event(uid, event, payload)
        more = True
        while more:
            payload = {"conversationId": self._room, "after": self._ledger.seen[uid]}
            ack = await asyncio.wait_for(socket.call("join", payload), ANSWER_S)
            assert ack["ok"], ack
            for entry in ack["messages"]:
                self._ledger.delivered(uid, entry)
            more = ack["hasMore"]
        self._sockets[uid] = socket

    async def _stay(self, uid: str, instance: str) -> None:
        """Reconnect whenever the connection ends, until it works."""
        while True:
            await asyncio.wait((self._sockets[uid].reading,))
            try:
                await self._connect(uid, instance)
                self._ledger.problem(f"{uid}'s socket was closed")
            except (OSError, AssertionError, WebSocketException) as error:
                self._ledger.problem(f"{uid} is refused: {type(error).__name__}")
                await asyncio.sleep(AGAIN_S)

    def _on_event(self, uid: str, event: str, payload: Any) -> None:
        if event == "message":
            self._ledger.delivered(uid, payload)
        else:
            self._ledger.problem(f"{uid} received {event}")
            if event == "resync":  # which has put the socket out of the room
                self._start(self._sockets[uid].close())

    async def _every(self, seconds: float, act: Callable[[], Awaitable[Any]]) -> None:
        while True:
            due = time.monotonic() + seconds
            self._start(act())
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _start(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        at = time.monotonic()
        payload = {"conversationId": self._room, **self._ledger.draft(ALICE)}
        try:
            ack = await asyncio.wait_for(self._sockets[ALICE].call("message", payload), ANSWER_S)
        except (OSError, WebSocketException) as error:
            self._ledger.problem(f"a message was not acknowledged: {type(error).__name__}", at)
            return
        if not ack["ok"]:
            self._ledger.problem(f"a message was refused: {ack['error']['code']}", at)
            return
        self._ledger.took("ack", at)
        self._ledger.acknowledged(ack["message"])

    async def _post(self) -> None:
        draft = self._ledger.draft(BOB)
        answer = await self._rest("post", ADD, f"/{self._room}/messages", BOB, draft)
        if answer is not None:
            self._ledger.acknowledged(answer)

    async def _rest(self, kind: str, function: str, path: str, uid: str, body: Any = None) -> Any:
        at = time.monotonic()
        answer = await self._attempt.rest(function, path, uid, body)
        if answer.status not in (200, 201):
            self._ledger.problem(f"{kind} was answered {answer.said}", at)
            return None
        self._ledger.took(kind, at)
        return json.loads(answer.body)

    async def _ask_ready(self) -> None:
        for instance in self._attempt.target.instances:
            at = time.monotonic()
            if (await exchange(instance, http("GET", "/readyz"))).status != 200:
                self._ledger.took("unready", at)


async def _run(target: Target) -> None:
    async def begin() -> None:
        pass

    attempt = Attempt(target, begin)
    ledger = Ledger(lambda sample: show(json.dumps(sample)))
    pair = Pair(attempt, await attempt.conversation(ALICE, [BOB]), ledger)
    living = asyncio.create_task(pair.live())
    await asyncio.to_thread(sys.stdin.read)
    living.cancel()
    await ledger.settle()


if __name__ == "__main__":
    asyncio.run(_run(Target(**json.loads(sys.argv[1]))))
