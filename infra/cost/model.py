"""The formula: how many realtime instances a load needs, and what a message's fan-out costs them."""

from dataclasses import dataclass
from math import ceil

from infra.cost.figures import Figures
from infra.cost.scenario import MAX_SOCKETS, Scenario

# Sizes beside the content: ids, times, names of fields. They follow from the models; a test derives them.
MESSAGE_BYTES = 284
"""A message as JSON with empty content, without metadata."""
EVENT_BYTES = 462
"""The same as an event of the bus."""
ATTRIBUTE_BYTES = 65
"""The attributes of an event: names and values."""
BUS_FIELD_BYTES = 37
"""What Pub/Sub counts on top: 20 bytes of time, and an id of 17 digits."""
FRAME_BYTES = 18
"""What makes a message a Socket.IO event in a WebSocket frame."""
MIN_BILLED_BYTES = 1_000
"""The least that Pub/Sub bills for a request; each event is taken to travel alone. A probe is shorter."""

MAX_INSTANCES = 10_000
"""Subscriptions of a project; each instance has one."""
PROBE_S = 2.5
"""Seconds between the probes that an instance publishes."""


class Wall(Exception):
    """The events of the cell alone exceed an instance's processor, so more instances do not help."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The realtime instances under a load, and the fan-out of one message over all of them."""

    instances: int
    cell: int
    """Instances of a cell: each receives every event of the cell."""
    served: float
    """Instances of these with a socket in the message's room."""
    cpu_us: float
    """CPU of a message: the send, the event on each instance, the deliveries."""
    needless_us: float
    """The part of it on instances without a socket in the room."""
    bus_bytes: float
    """Bytes of a message that Pub/Sub bills: published once, delivered to each instance of the cell."""
    load: float
    """Share of its processor that an instance uses."""
    needless: float
    """The part of `load` for events of other instances' rooms, and for probes."""

    @property
    def probes_per_second(self) -> float:
        """Probes that all instances publish together."""
        return self.instances / PROBE_S


def fleet_of(scenario: Scenario, figures: Figures) -> Fleet:
    """The instances that the scenario names, or else the fewest that carry it. Raises Wall if none do."""
    if scenario.instances is not None:
        return loaded(scenario, figures, scenario.instances)
    least = ceil(scenario.sockets / sockets_of_an_instance(scenario, figures))
    for instances in range(least, MAX_INSTANCES + 1):
        fleet = loaded(scenario, figures, instances)
        if fleet.load <= scenario.utilisation:
            return fleet
    raise Wall(f"no number of instances carries {scenario.sockets:,} sockets in cells of this size")


def loaded(scenario: Scenario, figures: Figures, instances: int) -> Fleet:
    """This many instances under the scenario's load.

    The balancer puts each socket on any instance, so a room of n sockets is n throws with
    probability 1/c each, and c·(1 - (1 - 1/c)ⁿ) of the c instances of a cell serve it.
    """
    cell = min(instances, scenario.cell_instances or instances)
    served = cell * (1 - (1 - 1 / cell) ** scenario.room_size)
    event_us = scenario.cpu_factor * figures.bus_event_cpu_us
    send_us = scenario.cpu_factor * (1 - scenario.rest_share) * figures.send_cpu_us
    delivery_us = scenario.cpu_factor * scenario.room_size * figures.delivery_cpu_us
    cpu_us, needless_us = send_us + cell * event_us + delivery_us, (cell - served) * event_us
    probe_us = cell * event_us / PROBE_S
    connect_us = 1000 * scenario.cpu_factor * figures.connect_cpu_ms * scenario.sessions_per_second
    messages = scenario.messages_per_second
    return Fleet(
        instances=instances,
        cell=cell,
        served=served,
        cpu_us=cpu_us,
        needless_us=needless_us,
        bus_bytes=billed_bus_bytes(scenario.message_bytes) * (1 + cell),
        load=((messages * cpu_us + connect_us) / instances + probe_us) / 1e6,
        needless=(messages * needless_us / instances + probe_us) / 1e6,
    )


def sockets_of_an_instance(scenario: Scenario, figures: Figures) -> int:
    """As many as Cloud Run allows, if there is memory for them."""
    mib = 1024 * scenario.instance_gib * scenario.utilisation - scenario.base_mib
    return max(1, min(MAX_SOCKETS, int(1024 * mib / figures.kib_per_connection)))


def entry_bytes(content: int) -> int:
    """A message with `content` bytes of content, as JSON."""
    return MESSAGE_BYTES + content


def billed_bus_bytes(content: int) -> int:
    """What Pub/Sub bills for publishing a message's event, and again for each delivery."""
    return max(MIN_BILLED_BYTES, EVENT_BYTES + content + ATTRIBUTE_BYTES + BUS_FIELD_BYTES)
