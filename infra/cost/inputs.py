"""What the costs are made from: the tables of prices and of measured figures."""

from infra.cost.bill import Basis
from infra.cost.prices import Price
from infra.cost.table import Table, number, usd


def prices(basis: Basis) -> str:
    """The price list."""
    rows = [
        (
            price.what,
            ", ".join(
                f"{usd(cost)}{f' from {number(begin)} on' if begin else ''}" for begin, cost in price.tiers
            ),
            f"{number(price.per)} {price.unit}s" if price.per > 1 else price.unit,
            f"{number(price.free)}" if price.free else "",
            price.source,
            _certainty(price),
        )
        for price in basis.prices.price
    ]
    head = ("what", "price", "for", "free a month", "source", "")
    return Table(head, rows, words=(0, 2, 4, 5)).markdown()


def figures(basis: Basis) -> str:
    """What was measured."""
    seen = basis.figures
    rows = [
        *(
            (f"a delivery, {size} sockets of the room on the instance", f"{number(cpu)} µs")
            for size, cpu in seen.delivery_cpu_us.items()
        ),
        (
            "a message sent over a socket, without its deliveries: container",
            f"{number(seen.send_cpu_us.container)} µs",
        ),
        ("the same: store", f"{number(seen.send_cpu_us.store)} µs"),
        ("an event of the bus that the instance does not need", f"{number(seen.bus_event_cpu_us)} µs"),
        ("a connection, with its token and its join", f"{number(seen.connect_cpu_ms)} ms"),
        *(
            (f"a request to a warm function, `{name}`", f"{number(cpu)} ms")
            for name, cpu in seen.warm_request_cpu_ms.items()
        ),
        ("a cold start", f"{number(seen.cold_start_s)} s"),
        ("memory of a connection", f"{number(seen.kib_per_connection)} KiB"),
    ]
    return Table((f"{seen.machine}, {seen.date}", ""), rows).markdown()


def _certainty(price: Price) -> str:
    if price.quoted_in:
        return f"quoted in {price.quoted_in}"
    return "**check**" if price.certainty == "check" else ""
