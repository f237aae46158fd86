"""What is measured of a running server, and which servers it is measured of."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from statistics import quantiles
from typing import Any

from tests.bench.load import Rooms, run
from tests.bench.runner import Figures, Measurement
from tests.bench.servers import CPU, KEY, STARTERS, Confab, Starter, Subject, confab
from tests.bench.sockets import BenchSocket
from tests.support.accounting import cpu_s, resident_kib
from tests.support.samples import NOW, draft

WARM_UP_S = 1.0
SETTLE_S = 2.0
"""Seconds in which a server that has taken many connections puts its memory in order."""
SOCKETS = 500
"""In the rooms of a scenario together."""
MEMBERS = 100
"""People in a conversation at most, as Confab's default has it; more sockets are their other tabs."""
AT_ONCE = 16
"""Handshakes in flight at once, as after a deployment."""
SEEN, MISSED = 5, 5
"""Entries that a returning user has seen, and has missed."""
ACQUAINTED = 50
"""Connections before the first one that counts."""
EVERYBODY = tuple(STARTERS)


def measurements(*, seconds: float, sockets: int) -> list[Measurement]:
    """All of them, in the order of the report."""
    two: Starter = partial(confab, containers=2)

    def on(
        names: Sequence[str],
        scenario: str,
        work: Callable[[Any], Awaitable[Figures]],
        start: Starter | None = None,
    ) -> Iterator[Measurement]:
        for name in names:
            yield Measurement(scenario, name, partial(_measured, start or STARTERS[name], work))

    def talking(size: int, window: int = 1) -> Callable[[Subject], Awaitable[Figures]]:
        return partial(talk, size=size, window=window, seconds=seconds)

    return [
        *on(EVERYBODY, "1 → 500", talking(500)),
        *on(EVERYBODY, "1 → 500, 16 in flight", talking(500, window=16)),
        *on(EVERYBODY, "250 rooms of 2", talking(2)),
        *on(("confab", "node"), "50 rooms of 10", talking(10)),
        *on(("confab", "node"), "5 rooms of 100", talking(100)),
        *on(("confab", "node"), "idle", partial(idle, sockets=sockets)),
        *on(("confab",), "1,000 join again", partial(rejoin, rooms=200, people=5)),
        *on(("confab",), "two instances", partial(across, seconds=seconds), two),
        *on(("confab",), "bystander", partial(bystander, seconds=seconds), two),
    ]


async def _measured(start: Starter, work: Callable[[Any], Awaitable[Figures]]) -> Figures:
    async with start() as server:
        with server.clients:
            return await work(server)


async def talk(server: Subject, *, size: int, window: int, seconds: float) -> Figures:
    """A closed loop in rooms of a size: what a delivery and a send cost, how many went through, how late."""
    rooms = await _rooms(server, size)
    await asyncio.to_thread(run, rooms, WARM_UP_S, window=window)
    load, spent = await server.spending(partial(run, rooms, seconds, window=window))
    deliveries = sum(map(len, load.latencies))
    return {
        "cpu_us_per_delivery": spent[CPU] / deliveries * 1e6,
        "all_cpu_us_per_delivery": sum(spent.values()) / deliveries * 1e6,
        **{f"{name}_cpu_us_per_send": used / load.sends * 1e6 for name, used in spent.items()},
        "all_cpu_us_per_send": sum(spent.values()) / load.sends * 1e6,
        "sends_per_s": load.sends / load.seconds,
        "deliveries_per_s": deliveries / load.seconds,
        **_latency(*load.latencies),
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
    memory = resident_kib(server.process.pid)
    _, spent = await server.spending(partial(_joined, server, places[ACQUAINTED:]))
    await asyncio.sleep(SETTLE_S)
    grown = resident_kib(server.process.pid) - memory
    return {
        "kib_per_connection": grown / sockets,
        "connect_cpu_ms": spent[CPU] / sockets * 1e3,
        "connect_all_cpu_ms": sum(spent.values()) / sockets * 1e3,
        "connections_per_cpu_s": sockets / spent[CPU],
        "connections_per_all_cpu_s": sockets / sum(spent.values()),
    }


async def across(server: Confab, *, seconds: float) -> Figures:
    """A sender and a receiver on one instance and a receiver on another: how late each has it."""
    people = ("user0", "user1", "user2")
    conversation_id = await server.conversation(*people)
    here, near, far = [(conversation_id, KEY.token(person)) for person in people]
    sockets = _joined(server, [here, near]) + _joined(server, [far], url=server.other.url)
    await asyncio.to_thread(run, {conversation_id: sockets}, WARM_UP_S)
    load = await asyncio.to_thread(run, {conversation_id: sockets}, seconds)
    _, same, other = map(_latency, load.latencies)
    return {
        **{f"same_instance_{name}": value for name, value in same.items()},
        **{f"other_instance_{name}": value for name, value in other.items()},
    }


async def rejoin(server: Confab, *, rooms: int, people: int) -> Figures:
    """Everybody comes back at once, each having missed five entries: how long until the last is live."""
    names = [f"user{number}" for number in range(people)]
    ids = [await server.conversation(*names) for _ in range(rooms)]
    for conversation_id in ids:
        drafts = [draft(f"entry {n}", conversation_id=conversation_id) for n in range(SEEN + MISSED)]
        await asyncio.gather(*(server.system.store.append(one, now=NOW) for one in drafts))
    places = [(conversation_id, KEY.token(name)) for name in names for conversation_id in ids]
    with ThreadPoolExecutor(AT_ONCE) as arrivals:
        sockets = list(arrivals.map(partial(_connected, server), (token for _, token in places)))

    def join_again() -> float:
        begun = time.perf_counter()
        for one, (conversation_id, _) in zip(sockets, places, strict=True):
            one.ask("join", {"conversationId": conversation_id, "after": SEEN})
        for one in sockets:
            one.joined()
        return time.perf_counter() - begun

    took, spent = await server.spending(join_again)
    return {
        "last_live_ms": took * 1e3,
        "server_cpu_ms": spent[CPU] * 1e3,
        "store_cpu_ms": spent["store"] * 1e3,
    }


async def bystander(server: Confab, *, seconds: float) -> Figures:
    """What others' rooms cost an instance, which receives every event of the bus and serves none."""
    rooms = await _rooms(server, 2)
    _joined(server, [(await server.conversation("quiet"), KEY.token("quiet"))], url=server.other.url)
    await asyncio.to_thread(run, rooms, WARM_UP_S)
    before = cpu_s([server.other.pid])
    load, spent = await server.spending(partial(run, rooms, seconds))
    still = cpu_s([server.other.pid]) - before
    return {"bystander_cpu_us_per_event": still / load.sends * 1e6, "bystander_share": still / spent[CPU]}


async def _rooms(server: Subject, size: int) -> Rooms:
    """Rooms with so many sockets each, all of them joined."""
    rooms = {}
    for number in range(SOCKETS // size):
        people = [f"user{number}-{person}" for person in range(min(size, MEMBERS))]
        conversation_id = await server.conversation(*people)
        tokens = [KEY.token(person) for person in people]
        places = [(conversation_id, tokens[one % len(tokens)]) for one in range(size)]
        rooms[conversation_id] = await asyncio.to_thread(_joined, server, places)
    return rooms


def _joined(server: Subject, places: Sequence[tuple[str, str]], url: str = "") -> list[BenchSocket]:
    """A socket for each conversation and token, in the conversation's room."""

    def join(place: tuple[str, str]) -> BenchSocket:
        one = _connected(server, place[1], url)
        one.join(place[0])
        return one

    with ThreadPoolExecutor(AT_ONCE) as arrivals:
        return list(arrivals.map(join, places))


def _connected(server: Subject, token: str, url: str = "") -> BenchSocket:
    one = BenchSocket.connected(url or server.process.url, token)
    server.clients.callback(one.close)
    return one


def _latency(*latencies: Sequence[float]) -> Figures:
    cuts = quantiles(chain.from_iterable(latencies), n=100)
    return {"p50_ms": cuts[49] * 1e3, "p95_ms": cuts[94] * 1e3, "p99_ms": cuts[98] * 1e3}
