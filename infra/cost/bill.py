"""A month's bill of a scenario, and what it comes to by message, by connection hour and when idle."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Self

from infra.cost.figures import Figures
from infra.cost.model import FRAME_BYTES, MIN_BILLED_BYTES, Fleet, entry_bytes, fleet_of
from infra.cost.prices import ALTERNATIVE, STORE, PriceList
from infra.cost.scenario import HOURS, Scenario

GIB, TIB = 2**30, 2**40
INSTANCE_VCPU = 1
"""One process serves an instance's sockets on one event loop."""
FUNCTION_VCPU, FUNCTION_GIB = 1, 0.5
"""What `infra/gcp` gives a function."""
BILLED_S = 0.1
"""Cloud Run bills a request's time in steps of 100 ms."""
SECRETS = 2
"""The store's user and its password; a version that a rotation leaves in place is one more."""
FUNCTIONS = 6
"""One for each operation, and the dispatcher."""
IMAGES = 10 + FUNCTIONS * 2 * 2
"""What `infra/gcp` keeps: ten of the container, two of each function and two of its build's cache."""
ALERT_CONDITIONS = 7
ALERT_EVERY_S = 30
"""Seconds between two evaluations of a condition, each over one time series."""
STORE_VCPUS = (2, 4, 8, 16, 32)
"""Machines of the e2-standard series; beyond the largest one a single node does not suffice."""
REST_BYTES = 800
"""The headers of a REST response, and what surrounds the entries in it."""
LOG_BYTES = 1_500
"""The log lines of one request: Cloud Run's and Confab's."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a scenario costs a month."""

    fleet: Fleet
    parts: Mapping[str, float]
    """Dollars by part, in the order of the price list."""

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Basis:
    """What bills are computed from."""

    prices: PriceList
    figures: Figures
    free_tier: bool = False

    def bill(self, scenario: Scenario) -> Bill:
        """The scenario's month. Raises Wall if no fleet carries it."""
        fleet = fleet_of(scenario, self.figures)
        usage = usage_of(scenario, fleet, self.figures)
        parts = dict[str, float]()
        for price in self.prices.price:
            if price.part != ALTERNATIVE:
                dollars = price.of(usage[price.key], free_tier=self.free_tier)
                parts[price.part] = parts.get(price.part, 0.0) + dollars
        if scenario.store_usd is not None:
            parts[STORE] = scenario.store_usd
        return Bill(fleet, parts)


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """The bill split by differences, so that the units times their numbers are the total again."""

    per_thousand_messages: float
    """What the month costs more because messages are sent."""
    per_thousand_connection_hours: float
    """What it costs more because silent sockets are connected."""
    idle_month: float
    """What it costs when nobody ever connects."""
    total: float

    @classmethod
    def of(cls, scenario: Scenario, basis: Basis) -> Self:
        """The units of the scenario. Raises Wall like `Basis.bill`."""
        silent = scenario.but(messages_per_hour=0.0)
        idle = silent.but(hours=0.0, users=0)
        total, silence, nobody = (basis.bill(each).total for each in (scenario, silent, idle))
        connected = scenario.connection_hours
        messages = connected * scenario.messages_per_hour
        return cls(
            per_thousand_messages=1000 * (total - silence) / messages if messages else 0.0,
            per_thousand_connection_hours=1000 * (silence - nobody) / connected if connected else 0.0,
            idle_month=nobody,
            total=total,
        )


def usage_of(scenario: Scenario, fleet: Fleet, figures: Figures) -> Mapping[str, float]:
    """Units a month by the keys of the price list."""
    seconds = 3600 * scenario.hours
    loaded = max(fleet.instances, scenario.min_instances)
    instance_s = 3600 * (loaded * scenario.hours + scenario.min_instances * (HOURS - scenario.hours))
    requests = requests_per_second(scenario)
    billed_s = scenario.hours * scenario.cold_starts_per_hour * figures.cold_start_s + seconds * sum(
        rate * _billed_s(scenario, figures.request_cpu_ms[operation]) for operation, rate in requests.items()
    )
    bus_bytes = scenario.messages_per_second * fleet.bus_bytes
    bus_bytes += fleet.probes_per_second * MIN_BILLED_BYTES * (1 + fleet.cell)
    logged = sum(requests.values()) + scenario.sessions_per_second
    return {
        "realtime_cpu": instance_s * INSTANCE_VCPU,
        "realtime_memory": instance_s * scenario.instance_gib,
        "functions_requests": seconds * sum(requests.values()),
        "functions_cpu": billed_s * FUNCTION_VCPU,
        "functions_memory": billed_s * FUNCTION_GIB,
        "bus": seconds * bus_bytes / TIB,
        **_network(scenario, seconds),
        "store_cpu": HOURS * store_vcpus(scenario, figures),
        "store_disk": scenario.disk_gib,
        "secrets": SECRETS,
        "images": IMAGES * scenario.image_gb,
        "alert_conditions": ALERT_CONDITIONS,
        "alert_series": ALERT_CONDITIONS * HOURS * 3600 / ALERT_EVERY_S,
        "logs": seconds * logged * LOG_BYTES / GIB,
        "identity": scenario.users,
    }


def requests_per_second(scenario: Scenario) -> Mapping[str, float]:
    """REST requests, by operation."""
    return {
        "add_message": scenario.messages_per_second * scenario.rest_share,
        "list_conversations": scenario.sessions_per_second * scenario.reads_per_session,
    }


def store_vcpus(scenario: Scenario, figures: Figures) -> int:
    """Processors of the store: the smallest machine that has room for the appends."""
    needed = scenario.messages_per_second * figures.store_cpu_us * scenario.cpu_factor / 1e6
    needed /= scenario.utilisation
    largest = STORE_VCPUS[-1]
    return next((vcpus for vcpus in STORE_VCPUS if vcpus >= needed), largest * ceil(needed / largest))


def _billed_s(scenario: Scenario, cpu_ms: float) -> float:
    """The billed time of a request: at least the CPU that it needs."""
    return max(scenario.cpu_factor * cpu_ms / 1000, BILLED_S / scenario.rest_overlap)


def _network(scenario: Scenario, seconds: float) -> dict[str, float]:
    """Bytes that leave the cloud: frames and the pages of joins; and REST responses, through Hosting."""
    entry = entry_bytes(scenario.message_bytes)
    page = scenario.entries_per_read * entry
    over_rest = scenario.messages_per_second * scenario.rest_share
    frames = scenario.messages_per_second * (scenario.room_size + 1) - over_rest  # one acknowledges the send
    sockets = frames * (entry + FRAME_BYTES) + scenario.sessions_per_second * page
    rest = over_rest * entry + scenario.sessions_per_second * scenario.reads_per_session * page
    rest += sum(requests_per_second(scenario).values()) * REST_BYTES
    return {"egress": seconds * sockets / GIB, "hosting": seconds * rest / 1e9}
