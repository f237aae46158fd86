"""One scenario's costs as text or JSON, and the tables of docs/cost.md."""

import re
from collections.abc import Callable, Mapping, Sequence
from math import floor, log10
from pathlib import Path

from infra.cost.bill import Basis, UnitCosts
from infra.cost.comparison import ALTERNATIVES, break_even, hosted_chat
from infra.cost.model import fleet_of
from infra.cost.prices import Price
from infra.cost.scenario import CASES, CELL, MAX_SOCKETS, Scenario

PAGE = Path(__file__).resolve().parents[2] / "docs/cost.md"
BUSY = Scenario(messages_per_hour=60.0, cell_instances=CELL)
ROOMS, BYTES, INSTANCES = (2, 10, 100, 500), (200, 500, 2_000, 8_000), (1, 10, 100, 1_000)
DIGITS, WHOLE = 3, 1_000
"""Significant digits, and the dollars from which cents do not matter."""

_BLOCK = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def as_json(scenario: Scenario, basis: Basis) -> dict[str, object]:
    """The scenario's costs. Raises Wall if no fleet carries it."""
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
        "instancesServedByAMessage": fleet.served,
        "cpuMsOfAMessage": fleet.cpu_us / 1000,
        "busBytesOfAMessage": fleet.bus_bytes,
        "usdPerThousandMessages": units.per_thousand_messages,
        "usdPerThousandConnectionHours": units.per_thousand_connection_hours,
        "usdIdleMonth": units.idle_month,
        "usdMonth": units.total,
        "usdMonthByPart": dict(bill.parts),
    }


def as_text(scenario: Scenario, basis: Basis) -> str:
    """The same for people. Raises Wall if no fleet carries it."""
    bill, units = basis.bill(scenario), UnitCosts.of(scenario, basis)
    rows = [
        ("realtime instances", number(bill.fleet.instances)),
        ("  in a cell", number(bill.fleet.cell)),
        ("  share of CPU used", percent(bill.fleet.load)),
        ("  of it for events of other instances' rooms", percent(bill.fleet.needless)),
        ("", ""),
        ("1,000 messages", usd(units.per_thousand_messages)),
        ("1,000 connection hours", usd(units.per_thousand_connection_hours)),
        ("an idle month", usd(units.idle_month)),
        ("", ""),
        ("this month", usd(units.total)),
        *((f"  {part}", usd(dollars)) for part, dollars in bill.parts.items()),
    ]
    left, right = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{name:<{left}}  {amount:>{right}}".rstrip() for name, amount in rows]
    oldest = min(price.read for price in basis.prices.price)
    free = "the free tier subtracted" if basis.free_tier else "no free tier"
    footing = f"List prices of {basis.prices.region} as read on {oldest}, {free}; CPU as measured."
    return "\n".join([_headline(scenario), *lines, "", footing])


def page(text: str, basis: Basis) -> str:
    """The page with each of its tables computed again."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{TABLES[block[2]](basis)}\n\n{block[3]}", text)


def scenarios(basis: Basis) -> str:
    """The three scenarios, part by part."""
    bills = [basis.bill(case.scenario) for case in CASES]
    rows = [(part, *(usd(bill.parts[part]) for bill in bills)) for part in bills[0].parts]
    users = zip(CASES, bills, strict=True)
    each = ("a monthly user", *(usd(bill.total / case.monthly_users) for case, bill in users))
    total = ("**a month**", *(f"**{usd(bill.total)}**" for bill in bills))
    return markdown(("", *(case.title for case in CASES)), [total, each, *rows])


def alternatives(basis: Basis) -> str:
    """What each scenario costs elsewhere."""
    rows = [("**Confab**", *(f"**{usd(basis.bill(case.scenario).total)}**" for case in CASES))]
    rows += [
        (name, *(usd(of(case.scenario, basis.prices).month(case.scenario)) for case in CASES))
        for name, of in ALTERNATIVES.items()
    ]
    rows.append(("hosted chat", *(usd(hosted_chat(case, basis.prices)) for case in CASES)))
    return markdown(("a month", *(case.title for case in CASES)), rows)


def break_evens(basis: Basis) -> str:
    """From how many messages an hour of a connection Confab is cheaper."""
    rooms = [BUSY.but(room_size=size) for size in ROOMS[:3]]
    rows = [
        (name, *(_rate(break_even(UnitCosts.of(room, basis), of(room, basis.prices))) for room in rooms))
        for name, of in ALTERNATIVES.items()
    ]
    return markdown(("cheaper than", *(f"rooms of {room.room_size}" for room in rooms)), rows)


def messages(basis: Basis) -> str:
    """1,000 messages by the size of room and message."""
    rows = [
        (f"{room} sockets", *(_messages(BUSY.but(room_size=room, message_bytes=b), basis) for b in BYTES))
        for room in ROOMS
    ]
    return markdown(("room", *(f"{size:,} bytes" for size in BYTES)), rows)


def cells(basis: Basis) -> str:
    """1,000 messages by the full instances that share a topic."""
    rows = []
    for instances in INSTANCES:
        scenario = BUSY.but(sockets=MAX_SOCKETS * instances, instances=instances, cell_instances=None)
        fleet = fleet_of(scenario, basis.figures)
        needless = percent(fleet.needless_us / fleet.cpu_us)
        cost = _messages(scenario, basis)
        rows.append(
            (number(instances), number(fleet.served), f"{number(fleet.cpu_us / 1000)} ms", needless, cost)
        )
    return markdown(("instances", "serve the room", "CPU", "of it needless", "1,000 messages"), rows)


def prices(basis: Basis) -> str:
    """The price list."""
    rows = [(each.what, _tiers(each), _unit(each), _certainty(each)) for each in basis.prices.price]
    return markdown(("what", "price", "for", "read"), rows)


def figures(basis: Basis) -> str:
    """What was measured."""
    seen = basis.figures
    rows = [
        ("a message sent over a socket, without its deliveries", f"{number(seen.send_cpu_us)} µs"),
        ("a delivery", f"{number(seen.delivery_cpu_us)} µs"),
        ("an append, store", f"{number(seen.store_cpu_us)} µs"),
        ("an event of the bus", f"{number(seen.bus_event_cpu_us)} µs"),
        ("a connection, with its token and its join", f"{number(seen.connect_cpu_ms)} ms"),
        *((f"a request to `{name}`, warm", f"{number(cpu)} ms") for name, cpu in seen.request_cpu_ms.items()),
        ("a cold start", f"{number(seen.cold_start_s)} s"),
        ("memory of a connection", f"{number(seen.kib_per_connection)} KiB"),
    ]
    return markdown((f"{seen.machine}, {seen.date}", ""), rows)


TABLES: Mapping[str, Callable[[Basis], str]] = {
    table.__name__: table
    for table in (scenarios, alternatives, break_evens, messages, cells, prices, figures)
}


def usd(amount: float) -> str:
    """Dollars: three significant digits below one, cents below 1,000, whole above."""
    if amount >= WHOLE:
        return f"${amount:,.0f}"
    if amount >= 1 or amount == 0:
        return f"${amount:.2f}"
    whole, _, fraction = f"{amount:.{DIGITS - 1 - floor(log10(amount))}f}".partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def number(amount: float) -> str:
    """Three significant digits, or all before the point, thousands with commas."""
    return f"{amount:,.0f}" if amount >= WHOLE / 10 else f"{amount:.{DIGITS}g}"


def percent(share: float) -> str:
    """A share of 1 in percent."""
    return f"{number(100 * share)} %"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _headline(scenario: Scenario) -> str:
    return (
        f"{scenario.sockets:,} sockets in rooms of {scenario.room_size}, "
        f"{scenario.messages_per_hour:g} messages an hour each, {scenario.message_bytes:,} bytes"
    )


def _messages(scenario: Scenario, basis: Basis) -> str:
    return usd(UnitCosts.of(scenario, basis).per_thousand_messages)


def _rate(rate: float | None) -> str:
    return "never" if rate is None else number(rate)


def _tiers(price: Price) -> str:
    return ", ".join(f"{usd(cost)}{f' from {number(begin)}' if begin else ''}" for begin, cost in price.tiers)


def _unit(price: Price) -> str:
    return f"{number(price.per)} {price.unit}s" if price.per > 1 else price.unit


def _certainty(price: Price) -> str:
    return {"page": f"{price.read}", "quoted": f"{price.read}, quoted", "check": "**check**"}[price.certainty]
