"""The tables of the page on costs, each by the name that the page asks for it with."""

from collections.abc import Callable, Mapping

from infra.cost import comparison, inputs, report
from infra.cost.bill import Basis, UnitCosts
from infra.cost.fleet import MAX_INSTANCES, Wall, fleet_of
from infra.cost.pictures import BUSY, CELL
from infra.cost.scenario import MAX_SOCKETS, Scenario
from infra.cost.simulation import simulate
from infra.cost.table import Table, number, percent, usd

USUAL = Scenario()
ROOMS = (2, 10, 100, 500)
BYTES = (200, 500, 2_000, 8_000)
INSTANCES = (1, 3, 10, 30, 100, 300, 1_000)
GROWTH = (1_000, 10_000, 100_000, 1_000_000)
RATES = (1, 10, 60)
WALL_RATES = (10, 60, 120, 300, 600)
CROWD = BUSY.but(sockets=1_000_000, messages_per_hour=120.0)
CAPACITIES = (1_000, 500, 250)
"""Sockets of an instance: the fewer, the more instances."""


def example(basis: Basis) -> str:
    """What the command prints without an option."""
    return f"```\n{report.text(USUAL, basis)}\n```"


def idle(basis: Basis) -> str:
    """What is paid when nobody comes."""
    nobody = USUAL.but(messages_per_hour=0.0, hours=0.0)
    kept = [basis.bill(nobody.but(min_instances=count)) for count in (0, 1)]
    parts = [part for part in kept[0].parts if any(bill.parts[part] for bill in kept)]
    rows = [(part, *(usd(bill.parts[part]) for bill in kept)) for part in parts]
    total = ("**a month**", *(f"**{usd(bill.total)}**" for bill in kept))
    return Table(("", "realtime scales to zero", "one instance kept"), (*rows, total)).markdown()


def by_room(basis: Basis) -> str:
    """1,000 messages by the size of room and message."""
    return Table(
        ("room", *(f"{size:,} bytes" for size in BYTES)),
        [
            (f"{room} sockets", *(_messages(BUSY.but(room_size=room, message_bytes=b), basis) for b in BYTES))
            for room in ROOMS
        ],
    ).markdown()


def by_instances(basis: Basis) -> str:
    """1,000 messages by the instances that share a topic, all of them full."""
    rows = []
    for instances in INSTANCES:
        scenario = BUSY.but(sockets=MAX_SOCKETS * instances, instances=instances)
        fleet = fleet_of(scenario, basis.figures)
        rows.append(
            (
                number(fleet.instances),
                number(fleet.fanout.served),
                f"{number(fleet.fanout.cpu_us / 1000)} ms",
                percent(fleet.fanout.needless_us / fleet.fanout.cpu_us),
                f"{number(fleet.fanout.bus_bytes / 1000)} kB",
                _messages(scenario, basis),
            )
        )
    head = ("instances", "serve the room", "CPU", "of it needless", "over the bus", "1,000 messages")
    return Table(head, rows).markdown()


def connections(basis: Basis) -> str:
    """1,000 connection hours, silent and all told."""
    rows = []
    for sockets in GROWTH:
        scenario = USUAL.but(sockets=sockets, cell_instances=CELL)
        silent = UnitCosts.of(scenario, basis).per_thousand_connection_hours
        told = [_whole(scenario.but(messages_per_hour=rate), basis) for rate in RATES]
        rows.append((number(sockets), usd(silent), *told))
    return Table(("sockets", "silent", *(f"each writes {rate} an hour" for rate in RATES)), rows).markdown()


def simulation(basis: Basis) -> str:
    """The fan-out to a million sockets on full instances, wall or not: by formula, and played through."""
    rows = []
    for sockets in GROWTH:
        for cell in (None, CELL):
            scenario = BUSY.but(sockets=sockets, instances=sockets // MAX_SOCKETS, cell_instances=cell)
            fleet, played = fleet_of(scenario, basis.figures), simulate(scenario, cell=cell)
            busy = played.busy(scenario, basis.figures)
            rows.append(
                (
                    number(sockets),
                    f"cells of {cell}" if cell else "one",
                    number(played.instances),
                    f"{number(fleet.fanout.cpu_us / 1000)} ms",
                    f"{number(played.message_us(scenario, basis.figures) / 1000)} ms",
                    *(_planned(share, scenario) for share in (busy.mean, busy.p99, busy.most)),
                    percent(played.needlessly_busy(scenario, basis.figures).mean),
                    _messages(scenario, basis),
                    usd(basis.bill(scenario).total),
                )
            )
    head = (
        "sockets", "cells", "instances", "CPU of a message", "played", "busy", "99th of 100", "busiest",
        "needless", "1,000 messages", "a month",
    )  # fmt: skip
    return Table(head, rows).markdown()


def more_instances(basis: Basis) -> str:
    """What it helps to have more instances for the same million sockets, played through."""
    rows = []
    for capacity in CAPACITIES:
        cells = [None, CELL]
        played = [simulate(CROWD, cell=cell, capacity=capacity) for cell in cells]
        busy = [one.busy(CROWD, basis.figures) for one in played]
        shares = (_planned(share, CROWD) for one in busy for share in (one.mean, one.most))
        rows.append((number(capacity), number(played[0].instances), *shares))
    head = (
        "sockets an instance", "instances", "one cell: busy", "busiest", f"cells of {CELL}: busy", "busiest",
    )  # fmt: skip
    return Table(head, rows).markdown()


def walls(basis: Basis) -> str:
    """Where one cell ends, by how much is written."""
    return Table(
        ("messages an hour of each connection", *(number(rate) for rate in WALL_RATES)),
        [("sockets of one cell at most", *(_most(rate, basis) for rate in WALL_RATES))],
    ).markdown()


def _planned(share: float, scenario: Scenario) -> str:
    """A share of a processor, in bold if it is more than is planned for."""
    return f"**{percent(share)}**" if share > scenario.utilisation else percent(share)


def _messages(scenario: Scenario, basis: Basis) -> str:
    return usd(UnitCosts.of(scenario, basis).per_thousand_messages)


def _whole(scenario: Scenario, basis: Basis) -> str:
    """The whole bill by 1,000 connection hours."""
    return usd(1000 * basis.bill(scenario).total / (scenario.sockets * scenario.hours))


def _most(rate: float, basis: Basis) -> str:
    """The most sockets that one cell carries at this rate, to a thousand."""
    fits, fails = 0, 2 * MAX_INSTANCES
    while fails - fits > 1:
        middle = (fits + fails) // 2
        try:
            fleet_of(BUSY.but(sockets=MAX_SOCKETS * middle, messages_per_hour=rate), basis.figures)
            fits = middle
        except Wall:
            fails = middle
    return number(MAX_SOCKETS * fits)


BLOCKS: Mapping[str, Callable[[Basis], str]] = {
    block.__name__: block
    for block in (
        example,
        idle,
        by_room,
        by_instances,
        connections,
        simulation,
        more_instances,
        walls,
        comparison.alternatives,
        comparison.break_even,
        comparison.users,
        inputs.prices,
        inputs.figures,
    )
}
