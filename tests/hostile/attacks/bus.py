"""Forged, impossible and malformed events on the topic."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from google.pubsub_v1.types import PubsubMessage

from confab.bus.client import Endpoint
from confab.domain.events import Typing, TypingState, encode_event, event_of
from confab.domain.models import current_time
from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.support.firebase_keys import PROJECT
from tests.support.samples import finalized, message
from tests.support.wire import WireSocket

TOPIC = f"projects/{PROJECT}/topics/confab-events"
VICTIM, FRIEND, STRANGER = "victim", "friend", "a process that is none of ours"
SEEN_S = 0.3
"""Seconds within which every instance has received a published event."""
DELIVERED_S = 5.0
POISON = "0001-01-01T00:00:00+23:59"
"""A time that is before the first one, in UTC."""
YEARS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", POISON, "9999-12-31T23:59:59-23:59")
BIG = "x" * 9_000_000
GARBAGE = (
    b"",
    b"no JSON",
    b"\xff\xfe",
    b"null",
    b'{"v":2}',
    b"[" * 100_000 + b"]" * 100_000,
    b'{"v":1,"type":"typing","data":' + b'{"a":' * 50_000,
    b'{"v":1,"type":"\\ud800"}',
    b"9" * 100_000,
)


class Room:
    """A conversation with a socket on every instance, that knows the stored entries."""

    def __init__(self, attempt: Attempt, room: str, sockets: list[WireSocket]) -> None:
        self.id = room
        self.seq = 0
        self._attempt = attempt
        self._sockets = sockets
        self._stored: dict[int, str] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, attempt: Attempt) -> AsyncIterator["Room"]:
        """A new one; what its sockets got is checked in the end."""
        room = await attempt.conversation(VICTIM, [FRIEND])
        opened = cls(attempt, room, await attempt.sockets((VICTIM, FRIEND), room))
        yield opened
        await opened._check()

    async def write(self, after: str) -> None:
        """Store a message; every socket must get it within 5 s, whatever was forged before."""
        content = f"real, after {after}"
        self.seq = await self._attempt.write(self.id, VICTIM, content)
        self._stored[self.seq] = content
        entry = (self.seq, content)
        try:
            for socket in self._sockets:
                await socket.until(lambda it: entry in _entries(it), within=DELIVERED_S)
        except AssertionError:
            self._attempt.fail(f"after {after}: a socket never got the real message")

    def lie(self, ahead: int = 1, at: str | None = None, **changed: Any) -> bytes:
        """An event of a message that is not stored, numbered so far after the newest one that is."""
        seq = self.seq + ahead
        event = json.loads(encode_event(event_of(message(1, self.id), origin=STRANGER, at=current_time())))
        event["data"] |= {"id": f"{self.id}-{seq}", "author": VICTIM, "seq": seq} | changed
        return json.dumps(event | {"seq": seq, "at": at or event["at"]}).encode()

    def fence(self) -> bytes:
        """An event of a finalization that is not stored."""
        return encode_event(event_of(finalized(self.seq + 1, self.id), origin=STRANGER))

    def typing(self, uid: str) -> bytes:
        """An event of somebody who types."""
        data = TypingState(conversation_id=self.id, user_id=uid, typing=True)
        return encode_event(Typing(conversation_id=self.id, origin=STRANGER, at=current_time(), data=data))

    async def _check(self) -> None:
        """The sockets are open, and got nothing that is not stored; typing, which never is, of members."""
        for socket in self._sockets:
            if any(self._stored.get(seq) != content for seq, content in _entries(socket)):
                self._attempt.fail("a message that the store does not have")
            if any(state["userId"] == "ghost" for state in socket.of("typing")):
                self._attempt.fail("the typing of somebody who is no member")
            for event in ("finalized", "resync"):
                if socket.of(event):
                    self._attempt.fail(f"{event}, which the store does not have")
            if socket.reading.done():
                self._attempt.fail("a socket was closed")
            await socket.close()


def _entries(socket: WireSocket) -> list[tuple[int, str]]:
    return [(entry["seq"], entry["content"]) for entry in socket.of("message")]


async def publish(attempt: Attempt, *events: bytes) -> None:
    """Publish these at once, as messages are published."""
    messages = [PubsubMessage(data=event, attributes={"type": "message.created"}) for event in events]
    async with Endpoint(attempt.target.bus).publisher() as publisher:
        await publisher.publish(topic=TOPIC, messages=messages)


async def forged(attempt: Attempt) -> None:
    """Forge every kind of event in a live room, and write the real one afterwards."""
    async with Room.opened(attempt) as room, Room.opened(attempt) as other:
        await room.write("nothing")
        lies: Mapping[str, Callable[[], bytes]] = {
            "the next number": room.lie,
            "an old number": lambda: room.lie(0),
            "envelope A, data B": lambda: other.lie(conversationId=room.id),
            "envelope B, data A": lambda: room.lie(conversationId=other.id),
            "a finalization": room.fence,
            "a ghost's typing": partial(room.typing, "ghost"),
            "a member's typing": partial(room.typing, VICTIM),
            "number 2^70": lambda: room.lie((1 << 70) - room.seq),
            "number 10^6": lambda: room.lie(10**6),
            "number -5": lambda: room.lie(-5 - room.seq),
            "two numbers": lambda: room.lie(seq=77),
            **{f"createdAt {year}": partial(room.lie, createdAt=year) for year in YEARS},
        }
        attempt.outcome.sent = f"{len(lies)} forged events, a real message after each"
        await attempt.begin()
        for name, lie in lies.items():
            await publish(attempt, lie())
            await asyncio.sleep(SEEN_S)
            await room.write(name)
        await other.write("everything")


async def poison(attempt: Attempt, *, times: int = 1, each: int = 1) -> None:
    """Events with an impossible time, so many at once, 20 times a second."""
    times = attempt.count(times, min(times, 60))
    attempt.outcome.sent = f"{times} times {each} events of the year 1 + 23:59"
    async with Room.opened(attempt) as room:
        await attempt.begin()
        for _ in range(times):
            await publish(attempt, *[room.lie(at=POISON)] * each)
            await asyncio.sleep(1 / 20)
        for _ in range(attempt.count(5, 2)):
            await room.write("poison")


async def garbage(attempt: Attempt) -> None:
    """No JSON, no end of brackets, and nine megabytes."""
    attempt.outcome.sent = f"{len(GARBAGE)} messages that are no events, and one of 9 MB"
    async with Room.opened(attempt) as room:
        await attempt.begin()
        await publish(attempt, *GARBAGE)
        await room.write("garbage")
        await publish(attempt, room.lie(content=BIG))
        await asyncio.sleep(SEEN_S)
        await room.write("9 MB")


ATTACKS = (
    Attack("bus-garbage", garbage, stays_ready=True),
    Attack("bus-forged", forged, most_s=180, stays_ready=True),
    Attack("bus-poison", poison, stays_ready=True),
    Attack("bus-poison-200", partial(poison, each=200), stays_ready=True),
    Attack("bus-poison-rate", partial(poison, times=300), stays_ready=True),
)
