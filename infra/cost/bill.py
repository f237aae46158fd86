"""A month's bill of a scenario, and what its parts come to: a message, a connection, being there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from infra.cost.fleet import Fleet, fleet_of
from infra.cost.measured import Measured
from infra.cost.prices import ALTERNATIVE, STORE, PriceList
from infra.cost.scenario import Scenario
from infra.cost.usage import usage_of


@dataclass(frozen=True, slots=True)
class Bill:
    """What a scenario costs a month."""

    fleet: Fleet
    parts: Mapping[str, float]
    """Dollars by part, in the order of the price list."""

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Basis:
    """What bills are made from."""

    prices: PriceList
    figures: Measured
    free_tier: bool = False

    def bill(self, scenario: Scenario) -> Bill:
        """The scenario's month. Raises Wall if it cannot be served."""
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
    """The whole bill taken apart, so that the parts times their numbers are the whole again."""

    per_thousand_messages: float
    """What the month costs more because its messages are written."""
    per_thousand_connection_hours: float
    """What it costs more because its sockets are there, silent."""
    idle_month: float
    """What it costs when nobody ever comes."""
    total: float

    @classmethod
    def of(cls, scenario: Scenario, basis: Basis) -> Self:
        """The costs of the scenario, each the difference of two bills. Raises Wall like `Basis.bill`."""
        silent = scenario.but(messages_per_hour=0.0)
        idle = silent.but(hours=0.0, users=0)
        total, silence, nobody = (basis.bill(each).total for each in (scenario, silent, idle))
        connected = scenario.sockets * scenario.hours
        messages = connected * scenario.messages_per_hour
        return cls(
            per_thousand_messages=1000 * (total - silence) / messages if messages else 0.0,
            per_thousand_connection_hours=1000 * (silence - nobody) / connected if connected else 0.0,
            idle_month=nobody,
            total=total,
        )
