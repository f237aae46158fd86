"""A closed loop: each room's sender has so many messages in flight, and sends the next one when
one of them has reached everybody in the room and was acknowledged."""

import select
import time
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.sockets import BenchSocket

SILENCE_S = 10.0
"""Seconds without a word after which the server counts as broken."""
CONTENT = "x" * 200

Rooms = Mapping[str, Sequence[BenchSocket]]
"""The sockets in each conversation's room; the first one sends."""


@dataclass(slots=True)
class _Room:
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


@dataclass(slots=True)
class _Seat:
    """A socket in its room, and what it has received."""

    socket: BenchSocket
    room: _Room
    latencies: "array[float]"
    events: int = 0
    acks: int = 0

    def take(self, now: float, *, again: bool) -> None:
        """Count what has come; `again`: send the next message for each that everybody has."""
        room = self.room
        events, acks = self.socket.receive()
        for index in range(self.events, self.events + events):
            room.due[index - room.done] -= 1
            self.latencies.append(now - room.sent_at[index])
        for index in range(self.acks, self.acks + acks):
            room.due[index - room.done] -= 1
        self.events += events
        self.acks += acks
        while room.due and room.due[0] == 0:
            room.due.popleft()
            room.done += 1
            if again:
                room.send()


@dataclass(frozen=True, slots=True)
class Load:
    """What went through in a stretch of time."""

    seconds: float
    sends: int
    latencies: Sequence[Sequence[float]]
    """By socket, the seconds from a send to each delivery."""
    generator_share: float
    """How much of one core the generator itself took; near 1, it was the limit and not the server."""


def run(rooms: Rooms, seconds: float, *, window: int = 1) -> Load:
    """Send for so long over sockets that have all joined, then wait for the messages in flight."""
    sending = [_Room(conversation_id, sockets) for conversation_id, sockets in rooms.items()]
    seats = {one.fileno(): _Seat(one, room, array("d")) for room in sending for one in room.sockets}
    with select.epoll() as poll:
        for number in seats:
            poll.register(number, select.EPOLLIN)
        begun, begun_cpu = time.perf_counter(), time.process_time()
        for room in sending:
            for _ in range(window):
                room.send()
        end = begun + seconds
        while time.perf_counter() < end or any(room.due for room in sending):
            ready = poll.poll(SILENCE_S)
            assert ready, f"the server was silent for {SILENCE_S:g} s"
            now = time.perf_counter()
            for number, _ in ready:
                seats[number].take(now, again=now < end)
        took, cpu_s = time.perf_counter() - begun, time.process_time() - begun_cpu
    latencies = [seat.latencies for seat in seats.values()]
    return Load(took, sum(room.done for room in sending), latencies, cpu_s / took)
