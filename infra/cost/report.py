"""One scenario's costs as text, and the tables of docs/cost.md."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import floor, log10
from pathlib import Path

from infra.cost import abuse, bill
from infra.cost.bill import Basis, break_even, hosted_chat
from infra.cost.fleet import fleet_of
from infra.cost.inputs import Figures, Price
from infra.cost.scenario import CASES, CELL, MAX_SOCKETS, Scenario

PAGE = Path(__file__).resolve().parents[2] / "docs/cost.md"
PAGES = (PAGE, PAGE.with_name("security.md"))
"""What `--write` computes again."""
BUSY = Scenario(messages_per_hour=60.0, cell_instances=CELL)
ROOMS, BYTES, INSTANCES = (2, 10, 100, 500), (200, 500, 2_000, 8_000), (1, 10, 100, 1_000)
DIGITS, WHOLE = 3, 1_000
"""Significant digits below one dollar, and the dollars from which cents do not matter."""

_TABLE = re.compile(r"(<!-- computed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def as_text(scenario: Scenario, basis: Basis) -> str:
    """Return the scenario's costs as lines. Raises Overloaded if no fleet carries it."""
    fleet, units, items = fleet_of(scenario, basis.figures), basis.units(scenario), basis.bill(scenario)
    rows = [
        ("realtime instances", number(fleet.instances)),
        ("  in a cell", number(fleet.cell)),
        ("  share of CPU used", percent(fleet.load)),
        ("  of a message's CPU wasted on other instances", percent(fleet.wasted_share)),
        ("", ""),
        ("1,000 messages", usd(units.per_thousand_messages)),
        ("1,000 connection hours", usd(units.per_thousand_connection_hours)),
        ("an idle month", usd(units.idle_month)),
        ("", ""),
        ("this month", usd(sum(items.values()))),
        *((f"  {item}", usd(dollars)) for item, dollars in items.items()),
    ]
    left, right = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{name:<{left}}  {amount:>{right}}".rstrip() for name, amount in rows]
    oldest = min(price.read for price in basis.prices.values() if price.read)
    free = "the free tier subtracted" if basis.free_tier else "no free tier"
    footer = f"List prices of us-central1 as read on {oldest}, {free}; CPU as measured."
    header = (
        f"{scenario.sockets:,} sockets in rooms of {scenario.room_size}, "
        f"{scenario.messages_per_hour:g} messages an hour each, {scenario.message_bytes:,} bytes"
    )
    return "\n".join([header, *lines, "", footer])


def page(text: str, basis: Basis) -> str:
    """Return the page with each of its tables computed from the basis."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](basis)}\n\n{found[3]}", text)


def scenarios(basis: Basis) -> str:
    """The three scenarios, item by item."""
    bills = {title: basis.bill(case.scenario) for title, case in CASES.items()}
    totals = {title: sum(items.values()) for title, items in bills.items()}
    rows = [
        ("**a month**", *(f"**{usd(total)}**" for total in totals.values())),
        ("a monthly user", *(usd(total / CASES[title].monthly_users) for title, total in totals.items())),
        *((item, *(usd(items[item]) for items in bills.values())) for item in bills["small"]),
    ]
    return markdown(("", *CASES), rows)


def alternatives(basis: Basis) -> str:
    """The three scenarios at the alternatives' prices."""
    loads = [case.scenario for case in CASES.values()]
    others = [bill.alternatives(load, basis.prices) for load in loads]
    rows = [
        ("**Confab**", *(f"**{usd(sum(basis.bill(load).values()))}**" for load in loads)),
        *(
            (name, *(usd(units[name].month(load)) for units, load in zip(others, loads, strict=True)))
            for name in others[0]
        ),
        ("hosted chat", *(usd(hosted_chat(case, basis.prices)) for case in CASES.values())),
    ]
    return markdown(("a month", *CASES), rows)


def break_evens(basis: Basis) -> str:
    """Messages an hour of a connection above which Confab is cheaper."""
    rooms = [BUSY.but(room_size=size) for size in ROOMS[:3]]
    units = [(basis.units(room), bill.alternatives(room, basis.prices)) for room in rooms]
    rows = [(name, *(_rate(break_even(own, others[name])) for own, others in units)) for name in units[0][1]]
    return markdown(("cheaper than", *(f"rooms of {room.room_size}" for room in rooms)), rows)


def messages(basis: Basis) -> str:
    """1,000 messages by the size of room and message."""
    rows = [
        (f"{room} sockets", *(_messages(BUSY.but(room_size=room, message_bytes=b), basis) for b in BYTES))
        for room in ROOMS
    ]
    return markdown(("room", *(f"{size:,} bytes" for size in BYTES)), rows)


def cells(basis: Basis) -> str:
    """1,000 messages by the number of full instances that share a topic."""
    rows = []
    for count in INSTANCES:
        scenario = BUSY.but(sockets=MAX_SOCKETS * count, instances=count, cell_instances=None)
        fleet = fleet_of(scenario, basis.figures)
        cpu, wasted = f"{number(fleet.cpu_us / 1000)} ms", percent(fleet.wasted_share)
        rows.append((number(count), number(fleet.serving), cpu, wasted, _messages(scenario, basis)))
    return markdown(("instances", "serve the room", "CPU", "wasted", "1,000 messages"), rows)


def prices(basis: Basis) -> str:
    """The price list."""
    rows = [(each.what, _tiers(each), _unit(each), _read(each)) for each in basis.prices.values()]
    return markdown(("what", "price", "for", "read"), rows)


def figures(basis: Basis) -> str:
    """The measured CPU and memory."""
    measured = basis.figures
    rows = [
        (field.description, number(getattr(measured, name)))
        for name, field in Figures.model_fields.items()
        if field.annotation is float and field.description
    ]
    rows += [(f"a request to `{name}`, warm, ms", number(ms)) for name, ms in measured.request_cpu_ms.items()]
    return markdown((f"{measured.machine}, {measured.date}", ""), rows)


def attacks(basis: Basis) -> str:
    """An hour of each attack, on one instance and on all that the default settings allow."""
    rows = [
        (title, *(usd(abuse.dollars(basis, use(basis, count))) for count in (1, most)), f"{most}")
        for title, (use, most) in abuse.ATTACKS.items()
    ]
    return markdown(("an hour of", "one instance", "every instance", "instances"), rows)


TABLES: Mapping[str, Callable[[Basis], str]] = {
    table.__name__: table
    for table in (scenarios, alternatives, break_evens, messages, cells, prices, figures, attacks)
}


def usd(amount: float) -> str:
    """Format dollars: three significant digits below one, cents below 1,000, whole above."""
    if amount >= WHOLE:
        return f"${amount:,.0f}"
    if amount >= 1 or amount == 0:
        return f"${amount:.2f}"
    whole, _, fraction = f"{amount:.{DIGITS - 1 - floor(log10(amount))}f}".partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def number(amount: float) -> str:
    """Format three significant digits, or all before the point, thousands with commas."""
    return f"{amount:,.0f}" if amount >= WHOLE / 10 else f"{amount:.{DIGITS}g}"


def percent(share: float) -> str:
    """Format a share of 1 in percent."""
    return f"{number(100 * share)} %"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table in which all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _messages(scenario: Scenario, basis: Basis) -> str:
    return usd(basis.units(scenario).per_thousand_messages)


def _rate(rate: float | None) -> str:
    return "never" if rate is None else number(rate)


def _tiers(price: Price) -> str:
    return ", ".join(f"{usd(cost)}{f' from {number(start)}' if start else ''}" for start, cost in price.tiers)


def _unit(price: Price) -> str:
    return f"{number(price.per)} {price.unit}s" if price.per > 1 else price.unit


def _read(price: Price) -> str:
    if price.read is None:
        return "**check**"
    return f"{price.read}, quoted" if price.quoted_in else f"{price.read}"
