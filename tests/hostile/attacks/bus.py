"""Forged, impossible and malformed events on the topic."""

import asyncio
import time
from functools import partial
from typing import Any

from tests.hostile.attacks import forge
from tests.hostile.attacks.attack import Attack
from tests.hostile.attacks.forge import Bus
from tests.hostile.attempt import Attempt
from tests.support.wire import WireSocket

VICTIM, FRIEND = "victim", "friend"
SEEN_S, SEEN_SMALL_S = 0.5, 0.2
"""Seconds within which every instance has received a published event."""
DELIVERED_S = 5.0
POLL_S = 0.02
YEARS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", forge.POISON, "9999-12-31T23:59:59-23:59")
BIG = "x" * 9_000_000
PER_S = 20


class Room:
    """A conversation with a socket on every instance, that knows the stored entries."""

    def __init__(self, attempt: Attempt, room: str, sockets: list[WireSocket]) -> None:
        self.id = room
        self.seq = 0
        self.slowest_s = 0.0
        self._attempt = attempt
        self._sockets = sockets
        self._stored: dict[int, str] = {}

    @classmethod
    async def open(cls, attempt: Attempt) -> "Room":
        """A new one."""
        room = await attempt.conversation(VICTIM, [FRIEND])
        uids = (VICTIM, FRIEND)
        each = range(len(attempt.target.instances))
        return cls(attempt, room, [await attempt.socket(uids[n % 2], instance=n, room=room) for n in each])

    async def write(self, after: str) -> None:
        """Store a message; every socket must get it within 5 s, whatever was forged before."""
        content = f"real, after {after}"
        self.seq = await self._attempt.write(self.id, VICTIM, content)
        self._stored[self.seq] = content
        started = time.monotonic()
        while missing := [socket for socket in self._sockets if content not in _contents(socket)]:
            if time.monotonic() - started > DELIVERED_S:
                self._attempt.fail(f"after {after}: {len(missing)} sockets never got the real message")
                break
            await asyncio.sleep(POLL_S)
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)

    async def close(self) -> None:
        """Check what the sockets got, and close them."""
        untrue = dict.fromkeys(("message", "finalized", "resync"), 0)
        typing = 0
        for socket in self._sockets:
            got = [(entry["seq"], entry["content"]) for entry in socket.of("message")]
            untrue["message"] += sum(self._stored.get(seq) != content for seq, content in got)
            for event in ("finalized", "resync"):
                untrue[event] += len(socket.of(event))
            typing += len(socket.of("typing"))
            if socket.reading.done():
                self._attempt.fail("a socket was closed")
            await socket.close()
        if typing:  # which is never stored
            self._attempt.note("forged typing, sent", typing)
        for event, times in untrue.items():
            if times:
                self._attempt.fail(f"{times} {event} events that the store does not have")


def _contents(socket: WireSocket) -> set[str]:
    return {entry["content"] for entry in socket.of("message")}


async def forged(attempt: Attempt) -> None:
    """Forge every kind of event in a live room, and write the real one afterwards."""
    room, other = await Room.open(attempt), await Room.open(attempt)
    await room.write("nothing")
    lies: dict[str, Any] = {
        "the next number": lambda: forge.message(room.id, room.seq + 1, author=VICTIM),
        "an old number": lambda: forge.message(room.id, room.seq, author=VICTIM),
        "envelope A, data B": lambda: forge.message(other.id, 1, author=VICTIM, data_room=room.id),
        "envelope B, data A": lambda: forge.message(room.id, room.seq + 1, author=VICTIM, data_room=other.id),
        "a finalization": lambda: forge.finalized(room.id, room.seq + 1),
        "a ghost's typing": lambda: forge.typing(room.id, "ghost"),
        "a member's typing": lambda: forge.typing(room.id, VICTIM),
        "number 2^70": lambda: forge.message(room.id, 1 << 70, author=VICTIM),
        "number 10^6": lambda: forge.message(room.id, 10**6, author=VICTIM),
        "number -5": lambda: forge.message(room.id, -5, author=VICTIM),
        "two numbers": lambda: forge.message(room.id, room.seq + 1, author=VICTIM, data={"seq": 77}),
    } | {f"createdAt {year}": partial(_dated, room, year) for year in YEARS}
    attempt.outcome.sent = f"{len(lies)} forged events, a real message after each"
    await attempt.begin()
    async with Bus.of(attempt.target) as bus:
        for name, lie in lies.items():
            await bus.publish(lie())
            await asyncio.sleep(SEEN_SMALL_S if attempt.target.small else SEEN_S)
            await room.write(name)
    await other.write("everything")
    attempt.note("slowest real message", f"{room.slowest_s:.2f} s")
    await room.close()
    await other.close()


def _dated(room: Room, year: str) -> dict[str, Any]:
    return forge.message(room.id, room.seq + 1, author=VICTIM, data={"createdAt": year})


async def poison(attempt: Attempt, *, count: int, seconds: float = 0.0) -> None:
    """Events with an impossible time: `count` at once, or 20 a second."""
    room = await Room.open(attempt)
    seconds = seconds and attempt.count(int(seconds), 3)
    total = count or int(seconds * PER_S)
    attempt.outcome.sent = f"{total} events of the year 1 + 23:59, " + (
        "20 a second" if seconds else "at once"
    )
    await attempt.begin()
    async with Bus.of(attempt.target) as bus:
        if not seconds:
            await bus.publish(*(_poison(room) for _ in range(count)))
        else:
            for _ in range(total):
                await bus.publish(_poison(room))
                await asyncio.sleep(1 / PER_S)
    for _ in range(attempt.count(5, 2)):
        await room.write("poison")
    attempt.note("slowest real message", f"{room.slowest_s:.2f} s")
    await room.close()


def _poison(room: Room) -> dict[str, Any]:
    return forge.message(room.id, room.seq + 1, author=VICTIM, at=forge.POISON)


async def garbage(attempt: Attempt) -> None:
    """No JSON, no end of brackets, and nine megabytes."""
    room = await Room.open(attempt)
    sent = forge.garbage()
    attempt.outcome.sent = f"{len(sent)} messages that are no events, and one of 9 MB"
    await attempt.begin()
    async with Bus.of(attempt.target) as bus:
        await bus.publish(*sent)
        await room.write("garbage")
        await bus.publish(forge.message(room.id, room.seq + 1, author=VICTIM, data={"content": BIG}))
        await asyncio.sleep(SEEN_S)
        await room.write("9 MB")
    attempt.note("slowest real message", f"{room.slowest_s:.2f} s")
    await room.close()


ATTACKS = (
    Attack("bus-garbage", 4, garbage, stays_ready=True),
    Attack("bus-forged", 4, forged, most_s=180, stays_ready=True),
    Attack("bus-poison", 4, partial(poison, count=1), stays_ready=True),
    Attack("bus-poison-200", 4, partial(poison, count=200), stays_ready=True),
    Attack("bus-poison-rate", 4, partial(poison, count=0, seconds=15), stays_ready=True),
)
