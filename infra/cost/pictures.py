"""The charts of the page on costs."""

from collections.abc import Iterator, Mapping, Sequence

from infra.cost.alternatives import ALTERNATIVES
from infra.cost.bill import Basis, UnitCosts
from infra.cost.chart import Axis, Chart, Line, Point, decades
from infra.cost.fleet import Fleet, Wall, fleet_of, loaded
from infra.cost.measured import Measured
from infra.cost.scenario import MAX_SOCKETS, Scenario
from infra.cost.simulation import Played, simulate
from infra.cost.table import number, usd

BUSY = Scenario(messages_per_hour=60)
"""A message a minute from everybody, in rooms of ten."""
CELL = 10
RATES = (10, 60, 120)
"""Messages an hour of each connection."""
PLAYED = (1_000, 10_000, 100_000, 1_000_000)
"""The sockets of which the fan-out is simulated."""
SOCKETS = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
ROOMS = (2, 3, 5, 10, 20, 50, 100, 200, 500)

_SOCKETS_AXIS = Axis(
    "connected sockets", [(1e3, "1,000"), (1e4, "10,000"), (1e5, "100,000"), (1e6, "1 million")], log=True
)


def pictures(basis: Basis) -> Mapping[str, str]:
    """The text of each picture by its file's name."""
    charts = {
        "cpu.svg": cpu(basis.figures),
        "messages.svg": messages(basis),
        "wall.svg": wall(basis.figures),
        "alternatives.svg": alternatives(basis),
    }
    return {name: chart.svg() for name, chart in charts.items()}


def grown(figures: Measured, cell: int | None) -> Iterator[tuple[Scenario, Fleet]]:
    """The busy scenario with more and more sockets, as far as it can be served."""
    for sockets in SOCKETS:
        scenario = BUSY.but(sockets=sockets, cell_instances=cell)
        try:
            yield scenario, fleet_of(scenario, figures)
        except Wall:
            return


def cpu(figures: Measured) -> Chart:
    """The processor time of one message as the sockets become more, by formula and simulated."""
    one, cells = list(grown(figures, None)), list(grown(figures, CELL))
    lines = [_cpu_line("one cell", one, figures, 1), _cpu_line(f"cells of {CELL}", cells, figures, 0)]
    y = decades("milliseconds", _heights(lines), number)
    needless = [(scenario.sockets, fleet.fanout.needless_us / 1000) for scenario, fleet in one]
    if seen := [point for point in needless if point[1] >= y.ticks[0][0]]:
        lines.append(Line("one cell, needless", seen, 1, dashed=True))
    return Chart(
        title="Processor time of one message, all instances together",
        description=(
            "With one cell it grows with the number of instances from 10,000 sockets on; in cells of "
            f"{CELL} instances it stays the same. Dots are simulated, lines are the formula."
        ),
        x=_SOCKETS_AXIS,
        y=y,
        lines=lines,
    )


def _cpu_line(name: str, grows: Sequence[tuple[Scenario, Fleet]], figures: Measured, colour: int) -> Line:
    return Line(
        name,
        [(scenario.sockets, fleet.fanout.cpu_us / 1000) for scenario, fleet in grows],
        colour,
        marks=[
            (scenario.sockets, _played(scenario).message_us(scenario, figures) / 1000)
            for scenario, _ in grows
            if scenario.sockets in PLAYED
        ],
    )


def _played(scenario: Scenario) -> Played:
    return simulate(scenario, cell=scenario.cell_instances)


def messages(basis: Basis) -> Chart:
    """What 1,000 messages cost as the sockets become more."""
    lines = [
        Line(
            name,
            [
                (scenario.sockets, UnitCosts.of(scenario, basis).per_thousand_messages)
                for scenario, _ in grown(basis.figures, cell)
            ],
            colour,
        )
        for name, cell, colour in (("one cell", None, 1), (f"cells of {CELL}", CELL, 0))
    ]
    return Chart(
        title="Cost of 1,000 messages",
        description=(
            "With one cell it grows with the number of instances, because the bus delivers each message to "
            f"every instance; in cells of {CELL} instances it stays the same."
        ),
        x=_SOCKETS_AXIS,
        y=decades("dollars", _heights(lines), usd),
        lines=lines,
    )


def wall(figures: Measured) -> Chart:
    """The share of an instance's processor that events of other instances' rooms take."""
    lines = [
        Line(
            f"one cell, {rate} an hour",
            _needless(figures, None, rate),
            colour,
            marks=_played_needless(figures) if rate == BUSY.messages_per_hour else (),
        )
        for colour, rate in enumerate(RATES, 1)
    ]
    cells = Line(f"cells of {CELL}, {RATES[-1]} an hour", _needless(figures, CELL, RATES[-1]), 0)
    return Chart(
        title="Share of each processor that goes to events which the instance does not need",
        description=(
            "With one cell it grows with the sockets until nothing is left for the instance's own rooms; "
            f"in cells of {CELL} instances it stays near nothing. The rates are messages of one connection. "
            "Dots are the busiest instance of a simulation."
        ),
        x=_SOCKETS_AXIS,
        y=Axis("of a processor", [(share / 100, f"{share} %") for share in (0, 20, 40, 60, 80, 100)]),
        lines=[*lines, cells],
        limit=(BUSY.utilisation, "planned for: beyond this, more instances do not help"),
    )


def _needless(figures: Measured, cell: int | None, rate: float) -> list[Point]:
    """By sockets, on full instances; as far as there is a processor."""
    scenarios = [
        BUSY.but(sockets=sockets, messages_per_hour=rate, cell_instances=cell) for sockets in SOCKETS
    ]
    shares = [(s.sockets, loaded(s, figures, s.sockets // MAX_SOCKETS).needless) for s in scenarios]
    return [(sockets, share) for sockets, share in shares if share <= 1]


def _played_needless(figures: Measured) -> list[Point]:
    """The same of the busiest instance when the busy scenario is played through, in one cell."""
    scenarios = [BUSY.but(sockets=sockets) for sockets in PLAYED]
    shares = [(s.sockets, _played(s).needlessly_busy(s, figures).most) for s in scenarios]
    return [(sockets, share) for sockets, share in shares if share <= 1]


def alternatives(basis: Basis) -> Chart:
    """What 1,000 messages cost by the size of the room, here and elsewhere."""
    rooms = [BUSY.but(room_size=size, cell_instances=CELL) for size in ROOMS]
    elsewhere = [
        Line(name, [(s.room_size, of(s, basis.prices).per_thousand_messages) for s in rooms], colour)
        for colour, (name, of) in enumerate(ALTERNATIVES.items(), 1)
    ]
    here = [(s.room_size, UnitCosts.of(s, basis).per_thousand_messages) for s in rooms]
    lines = [Line("Confab", here, 0), *elsewhere]
    return Chart(
        title="Cost of 1,000 messages, by the size of the room",
        description="Confab and three others at list prices; all grow with the room, Confab the slowest.",
        x=Axis("connected sockets of the room", [(2, "2"), (10, "10"), (100, "100"), (500, "500")], log=True),
        y=decades("dollars", _heights(lines), usd),
        lines=lines,
    )


def _heights(lines: Sequence[Line]) -> list[float]:
    return [height for line in lines for _, height in line.points]
