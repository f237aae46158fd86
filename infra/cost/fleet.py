"""How many realtime instances a load needs, and how busy they are; or that no number is enough."""

from dataclasses import dataclass
from math import ceil

from infra.cost.fanout import FanOut, expected
from infra.cost.measured import Measured
from infra.cost.scenario import MAX_SOCKETS, Scenario

MAX_INSTANCES = 10_000
"""A project's subscriptions, and each instance has one."""
PROBE_S = 2.5
"""An instance publishes a probe so often: of its own events only typing comes back to it."""


class Wall(Exception):
    """The events of the cell alone are more than an instance can take; more instances do not help."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The instances that serve a load."""

    instances: int
    cell: int
    """Instances of a cell."""
    load: float
    """Share of its processor that an instance uses."""
    needless: float
    """The part of `load` that goes to probes, and to events of rooms which the instance does not serve."""
    probes_per_second: float
    """Probes that all instances together publish."""
    fanout: FanOut


def fleet_of(scenario: Scenario, figures: Measured) -> Fleet:
    """The instances that the scenario names, or else the fewest that carry its load.

    Above 100 instances the fewest within one in a hundred. Raises Wall if there are none.
    """
    if scenario.instances is not None:
        return loaded(scenario, figures, scenario.instances)
    instances = ceil(scenario.sockets / sockets_of_an_instance(scenario, figures))
    while instances <= MAX_INSTANCES and not _walled(scenario, figures):
        fleet = loaded(scenario, figures, instances)
        if fleet.load <= scenario.utilisation:
            return fleet
        instances = max(instances + 1, instances * 101 // 100)
    raise Wall(f"no number of instances carries {scenario.sockets:,} sockets in cells of this size")


def _walled(scenario: Scenario, figures: Measured) -> bool:
    """Whether the events of one cell for everything leave no instance time for its own rooms."""
    event_s = figures.bus_event_cpu_us * scenario.cpu_factor / 1e6
    return scenario.cell_instances is None and scenario.messages_per_second * event_s >= scenario.utilisation


def sockets_of_an_instance(scenario: Scenario, figures: Measured) -> int:
    """Sockets that an instance takes: as many as Cloud Run gives it, if there is memory for them."""
    mib = 1024 * scenario.instance_gib * scenario.utilisation - scenario.base_mib
    return max(1, min(MAX_SOCKETS, int(1024 * mib / figures.kib_per_connection)))


def loaded(scenario: Scenario, figures: Measured, instances: int) -> Fleet:
    """So many instances under the scenario's load."""
    cell = min(instances, scenario.cell_instances or instances)
    fanout = expected(scenario, figures, cell)
    messages = scenario.messages_per_second / instances
    probes = 1 / PROBE_S
    probe_us = probes * cell * figures.bus_event_cpu_us * scenario.cpu_factor
    connect_us = 1000 * figures.connect_cpu_ms * scenario.cpu_factor * scenario.sessions_per_second
    busy_us = messages * fanout.cpu_us + connect_us / instances + probe_us
    return Fleet(
        instances=instances,
        cell=cell,
        load=busy_us / 1e6,
        needless=(messages * fanout.needless_us + probe_us) / 1e6,
        probes_per_second=probes * instances,
        fanout=fanout,
    )
