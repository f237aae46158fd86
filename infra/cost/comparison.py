"""Confab beside what else a developer could take: the tables of the page on costs."""

from math import ceil

from infra.cost.alternatives import ALTERNATIVES, Alternative
from infra.cost.bill import Basis, UnitCosts
from infra.cost.pictures import BUSY, CELL
from infra.cost.scenario import Scenario
from infra.cost.table import Table, number, usd

ROOMS = (2, 10, 100)
USERS = (1_000, 10_000, 100_000, 1_000_000)
"""Active users of a month."""
USER_HOURS = 10
"""For which each of them is connected in the month."""
BUSY_HOURS = 240
"""Hours of the month in which they all are."""


def alternatives(basis: Basis) -> str:
    """Confab beside what else there is."""
    rooms = _rooms()
    units = [UnitCosts.of(room, basis) for room in rooms]
    here = (
        "**Confab**",
        *(usd(unit.per_thousand_messages) for unit in units),
        usd(units[0].per_thousand_connection_hours),
        usd(units[0].idle_month),
    )
    elsewhere = [
        (
            name,
            *(usd(of(room, basis.prices).per_thousand_messages) for room in rooms),
            usd(of(rooms[0], basis.prices).per_thousand_connection_hours),
            usd(0),
        )
        for name, of in ALTERNATIVES.items()
    ]
    messages = (f"1,000 messages, rooms of {room.room_size}" for room in rooms)
    return Table(("", *messages, "1,000 connection hours", "idle month"), (here, *elsewhere)).markdown()


def break_even(basis: Basis) -> str:
    """From how much writing on Confab is the cheaper one, the idle month aside."""
    rows = [
        (name, *(_break_even(UnitCosts.of(room, basis), of(room, basis.prices)) for room in _rooms()))
        for name, of in ALTERNATIVES.items()
    ]
    head = ("messages an hour of each connection", *(f"rooms of {room.room_size}" for room in _rooms()))
    return Table(head, rows).markdown()


def users(basis: Basis) -> str:
    """Confab beside chat that is sold by active users."""
    chat = basis.prices.by_key["hosted_chat_users"]
    rows = []
    for count in USERS:
        sockets = count * USER_HOURS // BUSY_HOURS
        bill = basis.bill(Scenario().but(sockets=sockets, hours=float(BUSY_HOURS), cell_instances=CELL))
        sold = ceil(count / chat.per) * chat.per
        rows.append(
            (number(count), number(sockets), usd(bill.total), usd(bill.total / count), usd(chat.of(sold)))
        )
    head = ("active users", "sockets at a time", "Confab, a month", "a user", "hosted chat, a month")
    return Table(head, rows).markdown()


def _rooms() -> list[Scenario]:
    """The busy scenario in rooms of three sizes."""
    return [BUSY.but(room_size=size, cell_instances=CELL) for size in ROOMS]


def _break_even(here: UnitCosts, there: Alternative) -> str:
    saved = there.per_thousand_messages - here.per_thousand_messages
    more = here.per_thousand_connection_hours - there.per_thousand_connection_hours
    if saved <= 0:
        return "never"
    return number(max(0.0, more / saved))
