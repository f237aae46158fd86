"""The fan-out again, without a formula: rooms whose sockets are thrown onto instances one by one."""

import random
from collections import Counter

from infra.cost.fanout import FanOut
from infra.cost.measured import Measured
from infra.cost.scenario import Scenario
from infra.cost.sizes import billed_bus_bytes

SEED = 2026
MESSAGES = 2_000
"""Messages that are followed; the mean of their CPU is then good to a percent."""


def simulate(
    scenario: Scenario, figures: Measured, cell: int, *, messages: int = MESSAGES, seed: int = SEED
) -> FanOut:
    """The average of `messages` messages in random rooms of a cell of `cell` instances.

    A room's sockets get their instances when the room is first written to. Every instance of the
    cell takes the event from the bus; those with sockets of the room serve them.
    """
    chance = random.Random(seed)
    rooms = max(1, scenario.sockets // scenario.room_size)
    placed: dict[int, Counter[int]] = {}
    sends = served = 0
    serving_us = 0.0
    for _ in range(messages):
        room = chance.randrange(rooms)
        if room not in placed:
            placed[room] = Counter(chance.randrange(cell) for _ in range(scenario.room_size))
        sends += chance.random() >= scenario.rest_share
        served += len(placed[room])
        serving_us += sum(figures.serving_us(sockets) for sockets in placed[room].values())
    factor = scenario.cpu_factor
    return FanOut(
        reached=cell,
        served=served / messages,
        send_us=factor * figures.send_cpu_us.container * sends / messages,
        bus_us=factor * figures.bus_event_cpu_us * cell,
        serving_us=factor * serving_us / messages,
        bus_bytes=billed_bus_bytes(scenario.message_bytes) * (1 + cell),
    )
