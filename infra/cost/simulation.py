"""The fan-out played through: sockets that sit on instances, and a stretch of messages to their rooms.

Nothing here knows the formula of `infra.cost.fanout`. Rooms get cells and sockets get instances at
random, somebody writes, and what every single instance had to do is counted.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from statistics import fmean, quantiles

from infra.cost.measured import Measured
from infra.cost.scenario import MAX_SOCKETS, Scenario

SEED = 2026
STRETCH_S = 10.0
"""Seconds that are played."""


@dataclass(frozen=True, slots=True)
class Seating:
    """Which instance each socket is on."""

    seats: Sequence[int]
    """The instance of each socket; those of a room stand together, in rooms of one size."""
    cells: Sequence[range]
    """The instances of each cell."""
    cell_of: Sequence[int]
    """The cell of each room."""
    room_size: int

    @property
    def instances(self) -> int:
        """All of them."""
        return self.cells[-1].stop

    def members(self, room: int) -> Mapping[int, int]:
        """The sockets of a room, by the instance that they are on."""
        return Counter(self.seats[room * self.room_size : (room + 1) * self.room_size])


@dataclass(frozen=True, slots=True)
class Spread:
    """How something differs between instances."""

    mean: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Played:
    """What the instances had to do in a stretch of messages."""

    instances: int
    messages: int
    seconds: float
    sent: Sequence[int]
    """By instance: messages that it took from its sockets and stored."""
    heard: Sequence[int]
    """By instance: events that the bus brought."""
    served: Mapping[int, Sequence[int]]
    """By the sockets of the room that an instance has, by instance: events that it gave to them."""

    @property
    def needless(self) -> Sequence[int]:
        """By instance: events of rooms of which it has no socket."""
        return [heard - sum(column) for heard, *column in zip(self.heard, *self.served.values(), strict=True)]

    def busy(self, scenario: Scenario, figures: Measured) -> Spread:
        """The share of its processor that an instance uses for messages; above 1 there is none left."""
        return self._spread(self._cpu_us(scenario, figures))

    def needlessly_busy(self, scenario: Scenario, figures: Measured) -> Spread:
        """The part of this that goes to needless events."""
        event_us = scenario.cpu_factor * figures.bus_event_cpu_us
        return self._spread([events * event_us for events in self.needless])

    def message_us(self, scenario: Scenario, figures: Measured) -> float:
        """CPU microseconds of a message on average, all instances together."""
        return sum(self._cpu_us(scenario, figures)) / self.messages

    def _cpu_us(self, scenario: Scenario, figures: Measured) -> Sequence[float]:
        serving = {sockets: figures.serving_us(sockets) for sockets in self.served}
        return [
            scenario.cpu_factor
            * (
                self.sent[one] * figures.send_cpu_us.container
                + self.heard[one] * figures.bus_event_cpu_us
                + sum(events[one] * serving[sockets] for sockets, events in self.served.items())
            )
            for one in range(self.instances)
        ]

    def _spread(self, cpu_us: Sequence[float]) -> Spread:
        shares = [us / 1e6 / self.seconds for us in cpu_us]
        p99 = quantiles(shares, n=100, method="inclusive")[-1] if len(shares) > 1 else shares[0]
        return Spread(fmean(shares), p99, max(shares))


@lru_cache(maxsize=32)
def simulate(
    scenario: Scenario,
    *,
    cell: int | None = None,
    capacity: int = MAX_SOCKETS,
    seconds: float = STRETCH_S,
    seed: int = SEED,
) -> Played:
    """The scenario's messages for some seconds, with cells for `cell` full instances each, or with one.

    An instance takes `capacity` sockets, and a cell has as many instances as its sockets need.
    """
    seating = _seated(scenario.sockets, scenario.room_size, cell, capacity, seed)
    return _played(seating, scenario, seconds, random.Random(seed))


@lru_cache(maxsize=4)
def _seated(sockets: int, room_size: int, cell: int | None, capacity: int, seed: int) -> Seating:
    """Each room in a random cell, as the code chooses, and each of its sockets on a random instance of it."""
    chance = random.Random(seed)
    rooms = max(1, sockets // room_size)
    wanted = 1 if cell is None else ceil(ceil(rooms * room_size / capacity) / cell)
    chosen = Counter(chance.choices(range(wanted), k=rooms))
    seats, cells, cell_of = list[int](), list[range](), list[int]()
    for number, count in enumerate(chosen.values()):
        begin = cells[-1].stop if cells else 0
        cells.append(range(begin, begin + ceil(count * room_size / capacity)))
        places = [instance for instance in cells[-1] for _ in range(capacity)]
        chance.shuffle(places)
        seats += places[: count * room_size]
        cell_of += [number] * count
    return Seating(seats, cells, cell_of, room_size)


def _played(seating: Seating, scenario: Scenario, seconds: float, chance: random.Random) -> Played:
    messages = max(1, round(scenario.messages_per_second * seconds))
    writers = chance.choices(range(len(seating.seats)), k=messages)
    over_sockets = writers[round(scenario.rest_share * messages) :]
    events = Counter(writer // seating.room_size for writer in writers)
    of_cell = Counter[int]()
    served = dict[int, list[int]]()
    for room, count in events.items():
        of_cell[seating.cell_of[room]] += count
        for instance, sockets in seating.members(room).items():
            if sockets not in served:
                served[sockets] = [0] * seating.instances
            served[sockets][instance] += count
    sent = Counter(seating.seats[writer] for writer in over_sockets)
    return Played(
        instances=seating.instances,
        messages=messages,
        seconds=seconds,
        sent=[sent[instance] for instance in range(seating.instances)],
        heard=[of_cell[number] for number, instances in enumerate(seating.cells) for _ in instances],
        served=served,
    )
