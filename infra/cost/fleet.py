"""The formula: how many realtime instances a load needs, and the CPU and bytes of one message's fan-out."""

from dataclasses import dataclass
from math import ceil

from infra.cost.inputs import Figures
from infra.cost.scenario import MAX_SOCKETS, Scenario

# Bytes beside the content: ids, times, names of fields. Tests derive them from the models.
MESSAGE_BYTES = 393  # a message as JSON with empty content, without metadata
EVENT_BYTES = 571  # the same message as an event of the bus
ATTRIBUTE_BYTES = 236  # names and values of an event's attributes
BUS_FIELD_BYTES = 37  # Pub/Sub adds 20 bytes of time, and an id of 17 digits
FRAME_BYTES = 18  # Socket.IO and WebSocket add to a message
MIN_BILLED_BYTES = 1_000  # the least that Pub/Sub bills for a request, such as a single event or a probe
MAX_INSTANCES = 10_000  # subscriptions of a project; each instance has one
PROBE_S = 2.5  # between the probes that an instance publishes


class Overloaded(Exception):
    """The events of the cell alone exceed an instance's processor, so more instances do not help."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The realtime instances under a load, and the fan-out of one message over all of them."""

    instances: int
    cell: int
    """Instances of a cell; each receives every event of the cell."""
    serving: float
    """Instances of the cell with a socket in the message's room."""
    cpu_us: float
    """CPU of a message: the send, the event on each instance of the cell, the deliveries."""
    wasted_us: float
    """The part of `cpu_us` that instances without a socket in the room use."""
    bus_bytes: float
    """Bytes of a message that Pub/Sub bills: published once, delivered to each instance of the cell."""
    load: float
    """Share of its processor that an instance uses."""

    @property
    def wasted_share(self) -> float:
        """The share of a message's CPU that instances without a socket in the room use."""
        return self.wasted_us / self.cpu_us


def fleet_of(scenario: Scenario, figures: Figures) -> Fleet:
    """Return the instances that the scenario names, or else the fewest that carry it. Raises Overloaded."""
    if scenario.instances is not None:
        return loaded(scenario, figures, scenario.instances)
    fewest = ceil(scenario.sockets / sockets_of_an_instance(scenario, figures))
    for instances in range(fewest, MAX_INSTANCES + 1):
        fleet = loaded(scenario, figures, instances)
        if fleet.load <= scenario.utilisation:
            return fleet
    raise Overloaded(f"no number of instances carries {scenario.sockets:,} sockets in cells of this size")


def loaded(scenario: Scenario, figures: Figures, instances: int) -> Fleet:
    """Return this many instances under the scenario's load.

    The balancer assigns each socket to any instance, so a room of n sockets is n throws with
    probability 1/c each, and c·(1 - (1 - 1/c)ⁿ) of the c instances of a cell serve it.
    """
    cell = min(instances, scenario.cell_instances or instances)
    serving = cell * (1 - (1 - 1 / cell) ** scenario.room_size)
    event_us = scenario.cpu_factor * figures.bus_event_cpu_us
    send_us = scenario.cpu_factor * (1 - scenario.rest_share) * figures.send_cpu_us
    delivery_us = scenario.cpu_factor * scenario.room_size * figures.delivery_cpu_us
    connect_us = 1000 * scenario.cpu_factor * figures.connect_cpu_ms
    cpu_us = send_us + cell * event_us + delivery_us
    busy_us = scenario.messages_per_second * cpu_us + scenario.sessions_per_second * connect_us
    return Fleet(
        instances=instances,
        cell=cell,
        serving=serving,
        cpu_us=cpu_us,
        wasted_us=(cell - serving) * event_us,
        bus_bytes=billed_bus_bytes(scenario.message_bytes) * (1 + cell),
        load=(busy_us / instances + cell * event_us / PROBE_S) / 1e6,
    )


def sockets_of_an_instance(scenario: Scenario, figures: Figures) -> int:
    """Return as many sockets as Cloud Run allows, or fewer if memory does not suffice for them."""
    mib = 1024 * scenario.instance_gib * scenario.utilisation - scenario.base_mib
    return max(1, min(MAX_SOCKETS, int(1024 * mib / figures.kib_per_connection)))


def entry_bytes(content: int) -> int:
    """Return the size of a message with `content` bytes of content, as JSON."""
    return MESSAGE_BYTES + content


def billed_bus_bytes(content: int) -> int:
    """Return the bytes that Pub/Sub bills for publishing a message's event, and again for each delivery."""
    return max(MIN_BILLED_BYTES, EVENT_BYTES + content + ATTRIBUTE_BYTES + BUS_FIELD_BYTES)
