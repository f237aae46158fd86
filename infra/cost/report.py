"""What the command tells of one scenario."""

from infra.cost.bill import Basis, UnitCosts
from infra.cost.prices import PriceList
from infra.cost.scenario import Scenario
from infra.cost.table import Table, number, percent, usd


def told(scenario: Scenario, basis: Basis) -> dict[str, object]:
    """The scenario's costs as a JSON object. Raises Wall if it cannot be served."""
    bill, units = basis.bill(scenario), UnitCosts.of(scenario, basis)
    fleet = bill.fleet
    return {
        "scenario": scenario.model_dump(),
        "region": basis.prices.region,
        "freeTier": basis.free_tier,
        "instances": fleet.instances,
        "cellInstances": fleet.cell,
        "load": fleet.load,
        "needlessLoad": fleet.needless,
        "instancesServedByAMessage": fleet.fanout.served,
        "cpuMsOfAMessage": fleet.fanout.cpu_us / 1000,
        "busBytesOfAMessage": fleet.fanout.bus_bytes,
        "usdPerThousandMessages": units.per_thousand_messages,
        "usdPerThousandConnectionHours": units.per_thousand_connection_hours,
        "usdIdleMonth": units.idle_month,
        "usdMonth": units.total,
        "usdMonthByPart": dict(bill.parts),
    }


def text(scenario: Scenario, basis: Basis) -> str:
    """The same for people. Raises Wall if it cannot be served."""
    bill, units = basis.bill(scenario), UnitCosts.of(scenario, basis)
    fleet = bill.fleet
    shown = Table(
        (headline(scenario), ""),
        (
            ("realtime instances", number(fleet.instances)),
            ("  in a cell", number(fleet.cell)),
            ("  busy", percent(fleet.load)),
            ("  of this with events that they do not need", percent(fleet.needless)),
            ("", ""),
            ("1,000 messages", usd(units.per_thousand_messages)),
            ("1,000 connection hours", usd(units.per_thousand_connection_hours)),
            ("a month when nobody comes", usd(units.idle_month)),
            ("", ""),
            ("a month of this", usd(units.total)),
            *((f"  {part}", usd(dollars)) for part, dollars in bill.parts.items()),
        ),
    )
    return f"{shown.text()}\n\n{footing(basis.prices, free_tier=basis.free_tier)}"


def headline(scenario: Scenario) -> str:
    """The scenario in a line."""
    return (
        f"{scenario.sockets:,} sockets in rooms of {scenario.room_size}, "
        f"{scenario.messages_per_hour:g} messages an hour each, {scenario.message_bytes:,} bytes"
    )


def footing(prices: PriceList, *, free_tier: bool) -> str:
    """What the numbers rest on."""
    free = "the free tier taken off" if free_tier else "no free tier"
    oldest = min(price.read for price in prices.price)
    return f"List prices of {prices.region} as read on {oldest}, {free}; CPU as measured."
