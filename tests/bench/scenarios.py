"""What is measured of a running server, and which servers it is measured of."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

from tests.bench import servers
from tests.bench.load import Rooms, run
from tests.bench.runner import Figures, Measurement
from tests.bench.servers import CPU, KEY, OTHER, Confab, Starter, Subject
from tests.bench.sockets import BenchSocket
from tests.support.accounting import resident_kib

WARM_UP_S = 0.5
SETTLE_S = 2.0
"""Seconds in which a server that has taken many connections puts its memory in order."""
ROOMS = {2: 16, 10: 16, 500: 1}
"""The rooms of each size that messages are under way in: small ones have a message each."""
UNDER_WAY = (1, 4, 16)
BUSY = {
    "1 → 500": (1, 500),
    "250 rooms of 2": (250, 2),
    "50 rooms of 10": (50, 10),
    "5 rooms of 100": (5, 100),
}
"""Rooms with a message each, of one container beside its store: what `infra.cost` computes with."""
MEMBERS = 100
"""People in a conversation at most, as Confab's default has it; more sockets are their other tabs."""
AT_ONCE = 16
"""Handshakes in flight at once, as after a deployment."""
ACQUAINTED = 50
"""Connections before the first one that counts."""

Starters = dict[str, Starter]
Work = Callable[[Any], Awaitable[Figures]]


class Sizes(NamedTuple):
    """How much is measured."""

    seconds: float
    """Of load that count."""
    sockets: int
    """Idle connections."""
    away_ms: float
    """To the store and the bus, each way."""


def measurements(
    sizes: Sizes, *, functions: Path, against: Path | None, whole: bool
) -> Iterator[Measurement]:
    """What is compared, in the order of the report, and with the `whole`, what the cost is computed with.

    The other server is Node's, or the containers of the sources that Confab is measured `against`.
    """
    seconds, away = sizes.seconds, sizes.away_ms
    far: Starters = {
        "confab": partial(servers.confab, functions, 2, away),
        "other": partial(servers.confab, against, 2, away) if against else partial(servers.node, away),
    }
    alone: Starters = {
        "confab alone": partial(servers.confab_alone, functions),
        "other alone": partial(servers.confab_alone, against) if against else servers.node_alone,
    }
    near: Starters = {"confab": partial(servers.confab, functions)}
    two: Starters = {"confab": partial(servers.confab, functions, 2)}
    for size in ROOMS:
        yield from _on(far | alone, f"rooms of {size}", partial(talk, size=size, seconds=seconds))
    yield from _on(near | alone, "idle", partial(idle, sockets=sizes.sockets))
    if whole:
        for scenario, (rooms, size) in BUSY.items():
            yield from _on(near, scenario, partial(busy, count=rooms, size=size, seconds=seconds))
        yield from _on(two, "bystander", partial(bystander, seconds=seconds))


def _on(starters: Starters, scenario: str, work: Work) -> Iterator[Measurement]:
    for name, start in starters.items():
        yield Measurement(scenario, name, partial(_measured, start, work))


async def _measured(start: Starter, work: Work) -> Figures:
    async with start() as server:
        with server.clients:
            return await work(server)


async def talk(server: Subject, *, size: int, seconds: float) -> Figures:
    """Closed loops with ever more messages under way, which in small rooms are each in another one."""
    rooms = await _rooms(server, ROOMS[size], size)
    await asyncio.to_thread(run, rooms, WARM_UP_S)
    figures: Figures = {}
    for under_way in UNDER_WAY:
        some = dict(islice(rooms.items(), under_way))
        found = await _loop(server, some, seconds, window=under_way // len(some))
        figures |= {f"{under_way} under way/{name}": value for name, value in found.items()}
    return figures


async def busy(server: Subject, *, count: int, size: int, seconds: float) -> Figures:
    """A closed loop in each of so many rooms."""
    return await _loop(server, await _rooms(server, count, size), seconds)


async def _loop(server: Subject, rooms: Rooms, seconds: float, *, window: int = 1) -> Figures:
    """What a delivery and a send cost, how many went through, how late at the last of the instances."""
    await asyncio.to_thread(run, rooms, WARM_UP_S, window=window)
    load, spent = await server.spending(partial(run, rooms, seconds, window=window))
    deliveries, instances = sum(map(len, load.latencies)), len({CPU, OTHER} & server.parts.keys())
    return {
        "cpu_us_per_delivery": spent[CPU] / deliveries * 1e6,
        **{f"{name}_cpu_us_per_send": used / load.sends * 1e6 for name, used in spent.items()},
        "all_cpu_us_per_send": sum(spent.values()) / load.sends * 1e6,
        "sends_per_s": load.sends / load.seconds,
        **_latency(*load.latencies[instances - 1 :: instances]),
        "generator_share": load.generator_share,
    }


async def idle(server: Subject, *, sockets: int) -> Figures:
    """Connections that are accepted (token verified, room joined) and then say nothing."""
    places = []
    for number in range((ACQUAINTED + sockets) // 2):
        people = (f"user{number}-0", f"user{number}-1")
        conversation_id = await server.conversation(*people)
        places += [(conversation_id, KEY.token(one)) for one in people]
    await asyncio.to_thread(_joined, server, places[:ACQUAINTED])
    await asyncio.sleep(SETTLE_S)
    pid = server.parts[CPU].pid
    memory = resident_kib(pid)
    _, spent = await server.spending(partial(_joined, server, places[ACQUAINTED:]))
    await asyncio.sleep(SETTLE_S)
    grown = resident_kib(pid) - memory
    return {
        "kib_per_connection": grown / sockets,
        "connect_cpu_ms": spent[CPU] / sockets * 1e3,
        "connect_all_cpu_ms": sum(spent.values()) / sockets * 1e3,
        "connections_per_cpu_s": sockets / spent[CPU],
        "connections_per_all_cpu_s": sockets / sum(spent.values()),
    }


async def bystander(server: Confab, *, seconds: float) -> Figures:
    """What others' rooms cost an instance, which receives every event of the bus and serves none."""
    rooms = await _rooms(server, 250, 2, instances=(CPU,))
    _joined(server, [(await server.conversation("quiet"), KEY.token("quiet"))], (OTHER,))
    await asyncio.to_thread(run, rooms, WARM_UP_S)
    load, spent = await server.spending(partial(run, rooms, seconds))
    return {
        "bystander_cpu_us_per_event": spent[OTHER] / load.sends * 1e6,
        "bystander_share": spent[OTHER] / spent[CPU],
    }


async def _rooms(server: Subject, count: int, size: int, instances: Sequence[str] = (CPU, OTHER)) -> Rooms:
    """Rooms with so many sockets each, all of them joined, in turns on these of its instances."""
    rooms = {}
    for number in range(count):
        people = [f"user{number}-{person}" for person in range(min(size, MEMBERS))]
        conversation_id = await server.conversation(*people)
        tokens = [KEY.token(person) for person in people]
        places = [(conversation_id, tokens[one % len(tokens)]) for one in range(size)]
        rooms[conversation_id] = await asyncio.to_thread(_joined, server, places, instances)
    return rooms


def _joined(
    server: Subject, places: Sequence[tuple[str, str]], instances: Sequence[str] = (CPU,)
) -> list[BenchSocket]:
    """A socket for each conversation and token, in the conversation's room."""
    parts = [name for name in instances if name in server.parts]

    def join(number: int) -> BenchSocket:
        conversation_id, token = places[number]
        one = BenchSocket.connected(server.parts[parts[number % len(parts)]].url, token)
        server.clients.callback(one.close)
        one.join(conversation_id)
        return one

    with ThreadPoolExecutor(AT_ONCE) as arrivals:
        return list(arrivals.map(join, range(len(places))))


def _latency(*latencies: Sequence[float]) -> Figures:
    cuts = quantiles(chain.from_iterable(latencies), n=100)
    return {"p50_ms": cuts[49] * 1e3, "p95_ms": cuts[94] * 1e3, "p99_ms": cuts[98] * 1e3}
