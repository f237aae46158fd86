"""A month's bill of a scenario, its costs per unit, and the same units at the alternatives' list prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from infra.cost.fleet import FRAME_BYTES, MIN_BILLED_BYTES, PROBE_S, Fleet, entry_bytes, fleet_of
from infra.cost.inputs import ALTERNATIVE, STORE, Figures, Price, list_prices, measured
from infra.cost.scenario import HOURS, Case, Scenario

GIB, TIB = 2**30, 2**40
INSTANCE_VCPU = 1  # one process serves an instance's sockets on one event loop
FUNCTION_VCPU, FUNCTION_GIB = 1, 0.5
BILLED_S = 0.1  # Cloud Run bills a request's time in steps of 100 ms
SECRETS = 3  # passwords of the store's users; a rotation adds versions that stay
FUNCTIONS = 17  # one for each operation, and the dispatchers
RELEASES = 10  # of the container, whose images nothing deletes
IMAGES = RELEASES + FUNCTIONS * 2 * 2  # of each function two, with two of its build's cache
ALERT_CONDITIONS = 2
ALERT_SERIES = 11  # comparisons of the conditions, each of one time series
ALERT_EVERY_S = 60
# Sustained, of e2-small, e2-medium and e2-standard, at one price; beyond 32 a single node does not suffice.
STORE_VCPUS = (0.5, 1, 2, 4, 8, 16, 32)
STORE_SYSTEM_GIB = 10
STORE_EXTRA = 1  # secret with its users, image, and alert on its disk
REST_BYTES = 800  # the headers of a REST response, and the JSON around its entries
LOG_BYTES = 1_500  # the log lines of one request: Cloud Run's and Confab's
GATEWAY_STEP = 32 * 1024  # Amazon API Gateway bills a message of more bytes as several


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Dollars by unit. The units times their numbers are the month's total."""

    per_thousand_messages: float
    per_thousand_connection_hours: float
    """Of silent sockets."""
    idle_month: float = 0.0
    """A month in which nobody connects."""

    def month(self, scenario: Scenario) -> float:
        """Return the dollars of the scenario's month."""
        hourly = scenario.messages_per_hour * self.per_thousand_messages + self.per_thousand_connection_hours
        return self.idle_month + scenario.connection_hours / 1000 * hourly


@dataclass(frozen=True, slots=True)
class Basis:
    """Computes bills from list prices and measured figures."""

    prices: Mapping[str, Price]
    figures: Figures
    free_tier: bool = False

    def bill(self, scenario: Scenario) -> Mapping[str, float]:
        """Return the dollars of a month by item, in the price list's order. Raises Overloaded."""
        usage = usage_of(scenario, fleet_of(scenario, self.figures), self.figures)
        items = dict[str, float]()
        for key, price in self.prices.items():
            if price.item != ALTERNATIVE:
                dollars = price.of(usage[key], free_tier=self.free_tier)
                items[price.item] = items.get(price.item, 0.0) + dollars
        return items if scenario.store_usd is None else items | {STORE: scenario.store_usd}

    def units(self, scenario: Scenario) -> UnitCosts:
        """Split the bill by the differences to a silent and to an idle month. Raises Overloaded."""
        silent = scenario.but(messages_per_hour=0.0)
        idle = silent.but(hours=0.0, users=0)
        busy_usd, silent_usd, idle_usd = (sum(self.bill(each).values()) for each in (scenario, silent, idle))
        connected = scenario.connection_hours / 1000
        messages = connected * scenario.messages_per_hour
        return UnitCosts(
            per_thousand_messages=(busy_usd - silent_usd) / messages if messages else 0.0,
            per_thousand_connection_hours=(silent_usd - idle_usd) / connected if connected else 0.0,
            idle_month=idle_usd,
        )


def idle_month(store_usd: float | None = None) -> Mapping[str, float]:
    """Return the dollars of a month in which nobody connects, by item, at list prices and no free tier.

    `store_usd` is what a store elsewhere costs; without it, the deployment has its own.
    """
    idle = Scenario(sockets=1, hours=0, store_usd=store_usd)
    return {item: usd for item, usd in Basis(list_prices(), measured()).bill(idle).items() if usd}


def usage_of(scenario: Scenario, fleet: Fleet, figures: Figures) -> Mapping[str, float]:
    """Return the units of a month by the keys of the price list."""
    seconds = 3600 * scenario.hours
    kept = scenario.min_instances
    instance_s = 3600 * (max(fleet.instances, kept) * scenario.hours + kept * (HOURS - scenario.hours))
    requests = requests_per_second(scenario)
    billed_s = scenario.hours * scenario.cold_starts_per_hour * figures.cold_start_s + seconds * sum(
        rate * _billed_s(scenario, figures.request_cpu_ms[operation]) for operation, rate in requests.items()
    )
    bus_bytes = scenario.messages_per_second * fleet.bus_bytes
    bus_bytes += fleet.instances / PROBE_S * MIN_BILLED_BYTES * (1 + fleet.cell)
    logged = sum(requests.values()) + scenario.sessions_per_second
    extra = STORE_EXTRA if scenario.store_usd is None else 0
    return {
        "realtime_cpu": instance_s * INSTANCE_VCPU,
        "realtime_memory": instance_s * scenario.instance_gib,
        "functions_requests": seconds * sum(requests.values()),
        "functions_cpu": billed_s * FUNCTION_VCPU,
        "functions_memory": billed_s * FUNCTION_GIB,
        "bus": seconds * bus_bytes / TIB,
        **_network(scenario, seconds),
        "store_cpu": HOURS * store_vcpus(scenario, figures),
        "store_disk": scenario.disk_gib + STORE_SYSTEM_GIB,
        "store_snapshots": scenario.disk_gib,
        "secrets": SECRETS + extra,
        "images": (IMAGES + extra) * scenario.image_gb,
        "alert_conditions": ALERT_CONDITIONS,
        "alert_series": (ALERT_SERIES + extra) * HOURS * 3600 / ALERT_EVERY_S,
        "logs": seconds * logged * LOG_BYTES / GIB,
        "identity": scenario.users,
    }


def requests_per_second(scenario: Scenario) -> Mapping[str, float]:
    """Return the rates of REST requests by operation."""
    return {
        "add_message": scenario.messages_per_second * scenario.rest_share,
        "list_conversations": scenario.sessions_per_second * scenario.reads_per_session,
    }


def store_vcpus(scenario: Scenario, figures: Figures) -> float:
    """Return the sustained processors of the smallest machine that has room for the appends."""
    needed = scenario.messages_per_second * figures.store_cpu_us * scenario.cpu_factor / 1e6
    needed /= scenario.utilisation
    largest = STORE_VCPUS[-1]
    return next((vcpus for vcpus in STORE_VCPUS if vcpus >= needed), largest * ceil(needed / largest))


def _billed_s(scenario: Scenario, cpu_ms: float) -> float:
    """Return the billed time of a request, which is at least its CPU time."""
    return max(scenario.cpu_factor * cpu_ms / 1000, BILLED_S / scenario.rest_overlap)


def _network(scenario: Scenario, seconds: float) -> dict[str, float]:
    """Return the GiB of frames and join pages, and the GB of REST responses, which pass through Hosting."""
    entry = entry_bytes(scenario.message_bytes)
    page = scenario.entries_per_read * entry
    over_rest = scenario.messages_per_second * scenario.rest_share
    frames = scenario.messages_per_second * (scenario.room_size + 1) - over_rest  # one acknowledges the send
    sockets = frames * (entry + FRAME_BYTES) + scenario.sessions_per_second * page
    rest = over_rest * entry + scenario.sessions_per_second * scenario.reads_per_session * page
    rest += sum(requests_per_second(scenario).values()) * REST_BYTES
    return {"egress": seconds * sockets / GIB, "hosting": seconds * rest / 1e9}


def alternatives(scenario: Scenario, prices: Mapping[str, Price]) -> Mapping[str, UnitCosts]:
    """Price delivery and connections elsewhere, for the same rooms, messages and sessions.

    Firestore bills a write for a message and a read for each listener, Realtime Database the bytes
    that each listener downloads, API Gateway a message in, one out to each socket, and the minutes.
    """
    room, entry = scenario.room_size, entry_bytes(scenario.message_bytes)
    hourly = scenario.entries_per_read * (1 + scenario.reads_per_session) * 60 / scenario.session_minutes
    firestore = prices["firestore_reads"].of(1) + prices["egress"].of(entry / GIB)
    database = prices["database_downloads"].of(entry / 1e9)
    gateway = prices["aws_messages"].of(ceil(entry / GATEWAY_STEP))
    by_message_and_hour = {
        "Firestore listeners": (prices["firestore_writes"].of(1) + room * firestore, hourly * firestore),
        "Realtime Database": (room * database, hourly * database),
        "Amazon API Gateway": ((1 + room) * gateway, prices["aws_minutes"].of(60)),
    }
    return {name: UnitCosts(1000 * m, 1000 * hour) for name, (m, hour) in by_message_and_hour.items()}


def hosted_chat(case: Case, prices: Mapping[str, Price]) -> float:
    """Return the dollars a month of a product that bills active users in steps."""
    price = prices["hosted_chat_users"]
    return price.of(ceil(case.monthly_users / price.per) * price.per)


def break_even(confab: UnitCosts, other: UnitCosts) -> float | None:
    """Return the messages an hour of a connection above which Confab is cheaper, or None for never.

    The idle month is not part of it.
    """
    saved = other.per_thousand_messages - confab.per_thousand_messages
    extra = confab.per_thousand_connection_hours - other.per_thousand_connection_hours
    return max(0.0, extra / saved) if saved > 0 else None
