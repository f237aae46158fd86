"""What is run on which server, and how the figures of several repetitions are put together."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from tests.bench import scenarios, servers
from tests.bench.scenarios import Figures
from tests.bench.servers import STARTERS, Starter

Work = Callable[[Any], Awaitable[Figures]]

EVERYBODY = tuple(STARTERS)
BROADCASTING = ("confab", "node", "python-socketio")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One scenario on one server."""

    scenario: str
    server: str
    start: Starter
    work: Work


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the repetitions."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of these values."""
        return cls(median(values), min(values), max(values))


def measurements(*, seconds: float, sockets: int) -> list[Measurement]:
    """All of them, in the order of the report."""

    def on(names: Sequence[str], scenario: str, work: Work) -> Iterator[Measurement]:
        for name in names:
            yield Measurement(scenario, name, STARTERS[name], work)

    def sized(size: int) -> Work:
        async def work(server: servers.Subject) -> Figures:
            rooms = await scenarios.rooms_of(server, size, 500 // size)
            return await scenarios.talk(server, rooms, window=1, seconds=seconds)

        return work

    two: Starter = partial(servers.confab, containers=2)
    return [
        *on(EVERYBODY, "1 → 500", partial(scenarios.fan_out, window=1, seconds=seconds)),
        *on(EVERYBODY, "1 → 500, 16 in flight", partial(scenarios.fan_out, window=16, seconds=seconds)),
        *on(EVERYBODY, "250 rooms of 2", partial(scenarios.pairs, seconds=seconds)),
        *on(("confab", "node"), "50 rooms of 10", sized(10)),
        *on(("confab", "node"), "5 rooms of 100", sized(100)),
        *on(BROADCASTING, "idle", partial(scenarios.idle, sockets=sockets)),
        Measurement(
            "1,000 join again", "confab", STARTERS["confab"], partial(scenarios.rejoin, rooms=200, people=5)
        ),
        Measurement("two instances", "confab", two, partial(scenarios.across, seconds=seconds)),
        Measurement("bystander", "confab", two, partial(scenarios.bystander, seconds=seconds)),
    ]


async def measure(one: Measurement) -> Figures:
    """Start the server, measure, stop it."""
    async with one.start() as server:
        return await one.work(server)


def summary(runs: Sequence[Figures]) -> Mapping[str, Spread]:
    """Each figure's spread over the runs."""
    return {name: Spread.of([run[name] for run in runs]) for name in runs[0]}
