"""Two well-behaved users in a process of their own: `python -m tests.hostile.pair`.

One writes over a socket every 100 ms, the other over REST; both listen, each on an instance of
its own, and account for every entry. Each observation is a line of JSON on the output. What is
due is begun on time, whatever is still unanswered. The end of the input ends it.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.hostile.attempt import Attempt, Target
from tests.hostile.ledger import Ledger
from tests.hostile.raw_http import ask
from tests.support.wire import WireSocket

SEND_S, REST_S, ALIVE_S, READY_S = 0.1, 0.25, 0.1, 1.0
ANSWER_S = 10.0
AGAIN_S = 0.5
ALICE, BOB = "alice", "bob"


class Listener(WireSocket):
    """A socket that passes each event on at once."""

    on_event: Callable[[str, Any], None]

    async def _take(self, text: str) -> None:
        seen = len(self.received)
        await super()._take(text)
        for event, payload in self.received[seen:]:
            self.on_event(event, payload)
        self.received.clear()


class Pair:
    """The two users."""

    def __init__(self, target: Target, room: str, tokens: dict[str, str]) -> None:
        self._target = target
        self._room = room
        self._tokens = tokens
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: dict[str, Listener] = {}
        self._keys = itertools.count(1)
        self.ledger = Ledger((ALICE, BOB), _report)

    async def connect(self, uid: str) -> None:
        """Connect, and join the room after the last entry that the user has seen; retry until it works."""
        instance = self._target.instances[(ALICE, BOB).index(uid) % len(self._target.instances)]
        while True:
            try:
                socket = await Listener.connected(f"http://{instance}", {"token": self._tokens[uid]})
                socket.on_event = lambda event, payload: self._on_event(uid, event, payload)
                await self._join(uid, socket)
            except (OSError, AssertionError, TimeoutError, ConnectionClosed) as error:
                _report({"at": time.monotonic(), "problem": f"{uid} is refused: {type(error).__name__}"})
                await asyncio.sleep(AGAIN_S)
            else:
                self._sockets[uid] = socket
                self._start(self._stay(uid, socket))
                return

    async def _join(self, uid: str, socket: Listener) -> None:
        more = True
        while more:
            payload = {"conversationId": self._room, "after": self.ledger.seen(uid)}
            ack = await asyncio.wait_for(socket.call("join", payload), ANSWER_S)
            assert ack["ok"], ack
            for entry in ack["messages"]:
                self.ledger.delivered(uid, entry)
            more = ack["hasMore"]

    async def _stay(self, uid: str, socket: Listener) -> None:
        """Reconnect once the connection ends."""
        await socket.reading
        _report({"at": time.monotonic(), "problem": f"{uid}'s socket was closed"})
        await self.connect(uid)

    def _on_event(self, uid: str, event: str, payload: Any) -> None:
        if event == "message":
            self.ledger.delivered(uid, payload)
        else:
            _report({"at": time.monotonic(), "problem": f"{uid} received {event}"})
            if event == "resync":
                self._start(self._join(uid, self._sockets[uid]))

    async def live(self) -> None:
        """Write, read and probe at their intervals, for ever."""
        await asyncio.gather(
            self._every(SEND_S, self._send),
            self._every(REST_S, self._post),
            self._every(REST_S, self._get),
            self._every(ALIVE_S, self._ask_alive),
            self._every(READY_S, self._ask_ready),
        )

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            due = time.monotonic() + seconds
            self._start(act())
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _draft(self) -> dict[str, str]:
        key = f"pair-{next(self._keys)}"
        return {"content": f"content of {key}", "clientMessageId": key}

    async def _send(self) -> None:
        draft, at = self._draft(), time.monotonic()
        self.ledger.sent(draft["clientMessageId"], ALICE, at)
        try:
            call = self._sockets[ALICE].call("message", {"conversationId": self._room, **draft})
            ack = await asyncio.wait_for(call, ANSWER_S)
        except (TimeoutError, ConnectionClosed, OSError) as error:
            _report({"at": at, "problem": f"a message was not acknowledged: {type(error).__name__}"})
            _took("ack", at)
            return
        if not ack["ok"]:
            _report({"at": at, "problem": f"a message was refused: {ack['error']['code']}"})
            return
        _took("ack", at)
        self.ledger.stored(ack["message"])

    async def _post(self) -> None:
        draft, at = self._draft(), time.monotonic()
        self.ledger.sent(draft["clientMessageId"], BOB, at)
        answer = await self._rest("add_message", "POST", f"/{self._room}/messages", BOB, draft)
        if answer is not None:
            _took("post", at)
            self.ledger.stored(answer)

    async def _get(self) -> None:
        at = time.monotonic()
        if await self._rest("get_conversation", "GET", f"/{self._room}?limit=5", ALICE) is not None:
            _took("get", at)

    async def _rest(self, function: str, method: str, path: str, uid: str, body: Any = None) -> Any:
        at = time.monotonic()
        answer = await ask(
            self._target.functions[function],
            method,
            f"/api/conversations{path}",
            headers={"Authorization": f"Bearer {self._tokens[uid]}", "Content-Type": "application/json"},
            body=None if body is None else json.dumps(body).encode(),
            within_s=ANSWER_S,
        )
        if answer.status in (200, 201):
            return json.loads(answer.body)
        _report({"at": at, "problem": f"{method} was answered {answer.said}"})
        return None

    async def _ask_alive(self) -> None:
        at = time.monotonic()
        await ask(self._target.instances[0], "GET", "/healthz", within_s=60)
        _took("alive", at)

    async def _ask_ready(self) -> None:
        for instance in self._target.instances:
            at = time.monotonic()
            answer = await ask(instance, "GET", "/readyz", within_s=ANSWER_S)
            if answer.status != 200:
                _report({"at": at, "kind": "unready", "ms": answer.ms})


def _took(kind: str, at: float) -> None:
    _report({"at": at, "kind": kind, "ms": round((time.monotonic() - at) * 1000, 1)})


def _report(sample: dict[str, Any]) -> None:
    print(json.dumps(sample), flush=True)  # noqa: T201 - the siege reads this


async def _run(target: Target) -> None:
    async def begin() -> None:
        pass

    attempt = Attempt(target, begin)
    room = await attempt.conversation(ALICE, [BOB])
    pair = Pair(target, room, {uid: await attempt.token(uid) for uid in (ALICE, BOB)})
    for uid in (ALICE, BOB):
        await pair.connect(uid)
    living = asyncio.create_task(pair.live())
    await asyncio.to_thread(sys.stdin.read)
    living.cancel()
    await pair.ledger.settle()


if __name__ == "__main__":
    asyncio.run(_run(Target(**json.loads(sys.stdin.readline()))))
