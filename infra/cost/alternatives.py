"""What else a developer could build on, at its list price: the same rooms, messages and sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from infra.cost import sizes
from infra.cost.prices import PriceList
from infra.cost.scenario import Scenario
from infra.cost.usage import GIB

GATEWAY_STEP = 32 * 1024
"""Bytes of a message of API Gateway; a longer one counts several times."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Dollars for delivering, and for being connected; what is around that is not in it."""

    per_thousand_messages: float
    per_thousand_connection_hours: float


def firestore(scenario: Scenario, prices: PriceList) -> Alternative:
    """Listeners on a collection: a write for a message, a read for each listener that it reaches."""
    price = prices.by_key
    read = price["firestore_reads"].of(1) + price["egress"].of(_entry(scenario) / GIB)
    return Alternative(
        per_thousand_messages=1000 * (price["firestore_writes"].of(1) + scenario.room_size * read),
        per_thousand_connection_hours=1000 * _entries_per_hour(scenario) * read,
    )


def realtime_database(scenario: Scenario, prices: PriceList) -> Alternative:
    """Listeners on a list: the bytes that each of them downloads."""
    download = prices.by_key["database_downloads"].of(_entry(scenario) / 1e9)
    return Alternative(
        per_thousand_messages=1000 * scenario.room_size * download,
        per_thousand_connection_hours=1000 * _entries_per_hour(scenario) * download,
    )


def amazon_api_gateway(scenario: Scenario, prices: PriceList) -> Alternative:
    """A socket gateway in front of functions: a message in, one out to each socket, and the minutes."""
    price = prices.by_key
    counted = ceil(_entry(scenario) / GATEWAY_STEP) * (1 + scenario.room_size)
    return Alternative(
        per_thousand_messages=price["aws_messages"].of(1000 * counted),
        per_thousand_connection_hours=price["aws_minutes"].of(1000 * 60),
    )


ALTERNATIVES: Mapping[str, Callable[[Scenario, PriceList], Alternative]] = {
    "Firestore listeners": firestore,
    "Realtime Database": realtime_database,
    "Amazon API Gateway": amazon_api_gateway,
}


def _entry(scenario: Scenario) -> int:
    return sizes.entry_bytes(scenario.message_bytes)


def _entries_per_hour(scenario: Scenario) -> float:
    """Entries that a connection reads to begin with, in an hour: the room's, and those of the reads."""
    reads = 1 + scenario.reads_per_session
    return scenario.entries_per_read * reads * 60 / scenario.session_minutes
