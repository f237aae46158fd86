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
    """For each message in flight, oldest first, the deliveries and acknowledgements still to come."""
    done: int = 0
    """Messages that everybody has."""

    def send(self) -> None:
        """Send the next message."""
        self.due.append(len(self.sockets) + 1)
        self.sent_at.append(time.perf_counter())
        self.sockets[0].ask("message", {"conversationId": self.conversation_id, "content": CONTENT})

    def close(self) -> None:
        """Close its sockets."""
        for one in self.sockets:
            one.close()


@dataclass(slots=True)
class _Seat:
    """A socket in its room, and what it has received."""

    socket: BenchSocket
    room: Room
    watched: bool
    events: int = 0
    acks: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What went through in a stretch of time."""

    seconds: float
    sends: int
    deliveries: int
    latencies: "array[float]"
    """Seconds from a send to its arrival at a socket, one for each delivery to it that was watched."""
    generator_share: float
    """How much of one core the generator itself took; near 1, it was the limit and not the server."""


class Loop:
    """Drives rooms over sockets that have all joined."""

    def __init__(self, rooms: Sequence[Room], *, window: int, watched: BenchSocket | None = None) -> None:
        self._rooms = rooms
        self._window = window
        self._seats = {
            one.fileno(): _Seat(one, room, watched in (None, one)) for room in rooms for one in room.sockets
        }
        self._poll = select.epoll()
        for number in self._seats:
            self._poll.register(number, select.EPOLLIN)

    def run(self, seconds: float) -> Load:
        """Send for so long, then wait for the messages in flight. Repeatable; counts each run by itself."""
        sends, deliveries = self._counts()
        latencies = array("d")
        begun, begun_cpu = time.perf_counter(), time.process_time()
        for room in self._rooms:
            for _ in range(self._window):
                room.send()
        end = begun + seconds
        while time.perf_counter() < end or any(room.due for room in self._rooms):
            ready = self._poll.poll(SILENCE_S)
            assert ready, f"the server was silent for {SILENCE_S:g} s"
            now = time.perf_counter()
            for number, _ in ready:
                _take(self._seats[number], now, latencies, again=now < end)
        took = time.perf_counter() - begun
        sends_now, deliveries_now = self._counts()
        generator_share = (time.process_time() - begun_cpu) / took
        return Load(took, sends_now - sends, deliveries_now - deliveries, latencies, generator_share)

    def _counts(self) -> tuple[int, int]:
        """Messages sent and deliveries received so far."""
        sends = sum(len(room.sent_at) for room in self._rooms)
        return sends, sum(seat.events for seat in self._seats.values())


def _take(seat: _Seat, now: float, latencies: "array[float]", *, again: bool) -> None:
    events, acks = seat.socket.receive()
    room = seat.room
    for index in range(seat.events, seat.events + events):
        room.due[index - room.done] -= 1
        if seat.watched:
            latencies.append(now - room.sent_at[index])
    for index in range(seat.acks, seat.acks + acks):
        room.due[index - room.done] -= 1
    seat.events += events
    seat.acks += acks
    while room.due and room.due[0] == 0:
        room.due.popleft()
        room.done += 1
        if again:
            room.send()
