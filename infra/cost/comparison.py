"""What else a developer could build on, at list prices: the same rooms, messages and sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from infra.cost.bill import GIB, UnitCosts
from infra.cost.model import entry_bytes
from infra.cost.prices import PriceList
from infra.cost.scenario import Case, Scenario

GATEWAY_STEP = 32 * 1024
"""Bytes of a message of Amazon API Gateway; a longer one counts several times."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Dollars for delivery and for being connected, and nothing around them."""

    per_thousand_messages: float
    per_thousand_connection_hours: float

    def month(self, scenario: Scenario) -> float:
        """The dollars of a scenario."""
        messages = scenario.messages_per_hour * self.per_thousand_messages
        return scenario.connection_hours / 1000 * (messages + self.per_thousand_connection_hours)


def firestore(scenario: Scenario, prices: PriceList) -> Alternative:
    """Listeners on a collection: a write for a message, a read for each listener that it reaches."""
    price, entry = prices.by_key, entry_bytes(scenario.message_bytes)
    read = price["firestore_reads"].of(1) + price["egress"].of(entry / GIB)
    write = price["firestore_writes"].of(1)
    return Alternative(1000 * (write + scenario.room_size * read), 1000 * _entries_per_hour(scenario) * read)


def realtime_database(scenario: Scenario, prices: PriceList) -> Alternative:
    """Listeners on a list: the bytes that each of them downloads."""
    download = prices.by_key["database_downloads"].of(entry_bytes(scenario.message_bytes) / 1e9)
    return Alternative(1000 * scenario.room_size * download, 1000 * _entries_per_hour(scenario) * download)


def amazon_api_gateway(scenario: Scenario, prices: PriceList) -> Alternative:
    """A socket gateway before functions: a message in, one out to each socket, and the minutes."""
    counted = ceil(entry_bytes(scenario.message_bytes) / GATEWAY_STEP) * (1 + scenario.room_size)
    messages, minutes = prices.by_key["aws_messages"], prices.by_key["aws_minutes"]
    return Alternative(messages.of(1000 * counted), minutes.of(1000 * 60))


ALTERNATIVES: Mapping[str, Callable[[Scenario, PriceList], Alternative]] = {
    "Firestore listeners": firestore,
    "Realtime Database": realtime_database,
    "Amazon API Gateway": amazon_api_gateway,
}


def hosted_chat(case: Case, prices: PriceList) -> float:
    """The month of a product that is sold by active users, in steps."""
    price = prices.by_key["hosted_chat_users"]
    return price.of(ceil(case.monthly_users / price.per) * price.per)


def break_even(here: UnitCosts, there: Alternative) -> float | None:
    """Messages an hour of a connection from which Confab is cheaper, idle month aside; None for never."""
    saved = there.per_thousand_messages - here.per_thousand_messages
    more = here.per_thousand_connection_hours - there.per_thousand_connection_hours
    return max(0.0, more / saved) if saved > 0 else None


def _entries_per_hour(scenario: Scenario) -> float:
    """Entries that a connection reads in an hour when its sessions begin: the room's, and by REST."""
    return scenario.entries_per_read * (1 + scenario.reads_per_session) * 60 / scenario.session_minutes
