"""A closed loop: each room's sender has so many messages in flight, and sends the next one when
one of them has reached everybody in the room and was acknowledged."""

import select
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.sockets import BenchSocket

SILENCE_S = 10.0
"""Seconds without a word after which the server counts as broken."""
CONTENT = "x" * 200


@dataclass(eq=False)
class Room:
    """A conversation with its sockets; the first one sends."""

    conversation_id: str
    sockets: Sequence[BenchSocket]
    sent_at: list[float] = field(default_factory=list)
    due: deque[int] = field(default_factory=deque)
    """For each message in flight, oldest first, what is still to come for it."""
    done: int = 0
    """Messages that everybody has."""


@dataclass(frozen=True, slots=True)
class Load:
    """What went through in a stretch of time."""

    seconds: float
    sends: int
    deliveries: int
    latencies: "array[float]"
    """Seconds from a send to its arrival at a socket, one for each delivery to it that was watched."""
    generator_s: float
    """CPU seconds that the generator itself took."""

    @property
    def generator_share(self) -> float:
        """How much of one core the generator took; near 1, it was the limit and not the server."""
        return self.generator_s / self.seconds


class Loop:
    """Drives rooms over sockets that are all in place."""

    def __init__(self, rooms: Sequence[Room], *, window: int, watched: Sequence[BenchSocket] = ()) -> None:
        self._rooms = rooms
        self._window = window
        self._where: dict[int, tuple[BenchSocket, Room]] = {}
        self._received: dict[int, int] = {}
        self._poll = select.epoll()
        for room in rooms:
            for one in room.sockets:
                self._where[one.fileno()] = (one, room)
                self._received[one.fileno()] = 0
                self._poll.register(one.fileno(), select.EPOLLIN)
        self._watched = {one.fileno() for one in watched} or set(self._where)
        self._acked = dict.fromkeys(self._where, 0)

    def run(self, seconds: float) -> Load:
        """Send for so long, then wait for the messages in flight. Repeatable; counts each run by itself."""
        sends = sum(len(room.sent_at) for room in self._rooms)
        received = sum(self._received.values())
        latencies = array("d")
        begun, begun_cpu = time.perf_counter(), time.process_time()
        for room in self._rooms:
            for _ in range(self._window):
                self._send(room)
        end = begun + seconds
        while any(room.due for room in self._rooms) if time.perf_counter() >= end else True:
            ready = self._poll.poll(SILENCE_S)
            assert ready, f"the server was silent for {SILENCE_S:g} s"
            now = time.perf_counter()
            for number, _ in ready:
                self._take(number, now, latencies, again=now < end)
        return Load(
            seconds=time.perf_counter() - begun,
            sends=sum(len(room.sent_at) for room in self._rooms) - sends,
            deliveries=sum(self._received.values()) - received,
            latencies=latencies,
            generator_s=time.process_time() - begun_cpu,
        )

    def _send(self, room: Room) -> None:
        room.due.append(len(room.sockets) + 1)
        room.sent_at.append(time.perf_counter())
        room.sockets[0].ask("message", {"conversationId": room.conversation_id, "content": CONTENT})

    def _take(self, number: int, now: float, latencies: "array[float]", *, again: bool) -> None:
        one, room = self._where[number]
        events, acks = one.receive()
        first = self._received[number]
        self._received[number] = first + events
        for index in range(first, first + events):
            room.due[index - room.done] -= 1
            if number in self._watched:
                latencies.append(now - room.sent_at[index])
        if acks:
            first = self._acked[number]
            self._acked[number] = first + acks
            for index in range(first, first + acks):
                room.due[index - room.done] -= 1
        while room.due and room.due[0] == 0:
            room.due.popleft()
            room.done += 1
            if again:
                self._send(room)
