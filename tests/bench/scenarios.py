"""What is measured of a running server. Each gives figures by name; units are in the names."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles

from tests.bench.load import Load, Loop, Room
from tests.bench.servers import KEY, Confab, Subject
from tests.bench.sockets import BenchSocket
from tests.support.accounting import cpu_s, resident_kib
from tests.support.samples import NOW, draft

Figures = dict[str, float]

WARM_UP_S = 1.0
SETTLE_S = 2.0
"""Seconds in which a server that has taken many connections puts its memory in order."""
MEMBERS = 100
"""People in a conversation at most, as Confab's default has it; more sockets are their other tabs."""
AT_ONCE = 16
"""Handshakes in flight at once, as after a deployment."""
SEEN, MISSED = 5, 5
"""Entries that a returning user has seen, and has missed."""
ACQUAINTED = 50
"""Connections before the first one that counts."""


async def rooms_of(server: Subject, size: int, count: int) -> list[Room]:
    """So many rooms with so many sockets each, all of them in place."""
    rooms = []
    for number in range(count):
        people = [f"user{number}-{person}" for person in range(min(size, MEMBERS))]
        conversation_id = await server.conversation(people[0], tuple(people[1:]))
        tokens = [KEY.token(person) for person in people]
        sockets = [
            await asyncio.to_thread(_joined, server.url, tokens[one % len(tokens)], conversation_id)
            for one in range(size)
        ]
        rooms.append(Room(conversation_id, sockets))
    return rooms


async def talk(server: Subject, rooms: Sequence[Room], *, window: int, seconds: float) -> Figures:
    """A closed loop in these rooms: what a delivery and a send cost, how many went through, how late."""
    loop = Loop(rooms, window=window)
    await asyncio.to_thread(loop.run, WARM_UP_S)
    before = {name: cpu_s([pid]) for name, pid in server.parts.items()}
    load = await asyncio.to_thread(loop.run, seconds)
    spent = {name: cpu_s([pid]) - before[name] for name, pid in server.parts.items()}
    hang_up(rooms)
    return _figures(load, spent)


async def fan_out(server: Subject, *, window: int, seconds: float) -> Figures:
    """One sender and 500 receivers."""
    return await talk(server, await rooms_of(server, 500, 1), window=window, seconds=seconds)


async def pairs(server: Subject, *, seconds: float) -> Figures:
    """250 rooms of two, in each of which one is talking."""
    return await talk(server, await rooms_of(server, 2, 250), window=1, seconds=seconds)


async def idle(server: Subject, *, sockets: int) -> Figures:
    """Connections that are accepted (token verified, room joined) and then say nothing."""
    rooms = []
    for number in range((ACQUAINTED + sockets) // 2):
        people = (f"user{number}-0", f"user{number}-1")
        rooms.append((await server.conversation(people[0], people[1:]), [KEY.token(one) for one in people]))
    places = [(conversation_id, token) for conversation_id, tokens in rooms for token in tokens]
    connected = await asyncio.to_thread(_all_joined, server.url, places[:ACQUAINTED])
    await asyncio.sleep(SETTLE_S)
    memory = resident_kib(server.pid)
    before = {name: cpu_s([pid]) for name, pid in server.parts.items()}
    connected += await asyncio.to_thread(_all_joined, server.url, places[ACQUAINTED:])
    spent = {name: cpu_s([pid]) - before[name] for name, pid in server.parts.items()}
    await asyncio.sleep(SETTLE_S)
    grown = resident_kib(server.pid) - memory
    for one in connected:
        one.close()
    return {
        "kib_per_connection": grown / sockets,
        "connect_cpu_ms": spent["server"] / sockets * 1e3,
        "connect_all_cpu_ms": sum(spent.values()) / sockets * 1e3,
        "connections_per_cpu_s": sockets / spent["server"],
        "connections_per_all_cpu_s": sockets / sum(spent.values()),
    }


async def across(server: Confab, *, seconds: float) -> Figures:
    """A sender and a receiver on one instance and a receiver on another: how late each has it."""
    people = ("user0", "user1", "user2")
    conversation_id = await server.conversation(people[0], people[1:])
    here, near, far = [
        await asyncio.to_thread(_joined, url, KEY.token(person), conversation_id)
        for url, person in zip((server.url, server.url, server.others[0].url), people, strict=True)
    ]
    figures: Figures = {}
    for name, watched in (("same", near), ("other", far)):
        loop = Loop([Room(conversation_id, [here, near, far])], window=1, watched=[watched])
        await asyncio.to_thread(loop.run, WARM_UP_S)
        load = await asyncio.to_thread(loop.run, seconds / 2)
        figures |= {f"{name}_instance_{key}": value for key, value in _latency(load).items()}
    hang_up([Room(conversation_id, [here, near, far])])
    return figures


async def rejoin(server: Confab, *, rooms: int, people: int) -> Figures:
    """Everybody comes back at once, each having missed five entries: how long until the last is live."""
    names = [f"user{number}" for number in range(people)]
    ids = [await server.conversation(names[0], tuple(names[1:])) for _ in range(rooms)]
    for conversation_id in ids:
        drafts = [draft(f"entry {n}", conversation_id=conversation_id) for n in range(SEEN + MISSED)]
        await asyncio.gather(*(server.system.store.append(one, now=NOW) for one in drafts))
    tokens = [KEY.token(name) for name in names]
    places = [(conversation_id, token) for token in tokens for conversation_id in ids]
    with ThreadPoolExecutor(AT_ONCE) as arrivals:
        sockets = list(arrivals.map(lambda place: BenchSocket.connected(server.url, place[1]), places))
    before = {name: cpu_s([pid]) for name, pid in server.parts.items()}
    begun = time.perf_counter()
    await asyncio.to_thread(_join_again, sockets, [conversation_id for conversation_id, _ in places])
    took = time.perf_counter() - begun
    spent = {name: cpu_s([pid]) - before[name] for name, pid in server.parts.items()}
    for one in sockets:
        one.close()
    return {
        "last_live_ms": took * 1e3,
        "server_cpu_ms": spent["server"] * 1e3,
        "store_cpu_ms": spent["store"] * 1e3,
    }


def _join_again(sockets: Sequence[BenchSocket], ids: Sequence[str]) -> None:
    for one, conversation_id in zip(sockets, ids, strict=True):
        one.ask("join", {"conversationId": conversation_id, "after": SEEN})
    for one in sockets:
        one.joined()


async def bystander(server: Confab, *, seconds: float) -> Figures:
    """What others' rooms cost an instance, which receives every event of the bus and serves none."""
    rooms = await rooms_of(server, 2, 250)
    conversation_id = await server.conversation("quiet", ())
    quiet = await asyncio.to_thread(_joined, server.others[0].url, KEY.token("quiet"), conversation_id)
    loop = Loop(rooms, window=1)
    await asyncio.to_thread(loop.run, WARM_UP_S)
    others = [other.pid for other in server.others]
    busy, still = cpu_s([server.pid]), cpu_s(others)
    load = await asyncio.to_thread(loop.run, seconds)
    busy, still = cpu_s([server.pid]) - busy, cpu_s(others) - still
    hang_up(rooms)
    quiet.close()
    return {"bystander_cpu_us_per_event": still / load.sends * 1e6, "bystander_share": still / busy}


def hang_up(rooms: Sequence[Room]) -> None:
    """Close every socket of these rooms."""
    for room in rooms:
        for one in room.sockets:
            one.close()


def _all_joined(url: str, places: Sequence[tuple[str, str]]) -> list[BenchSocket]:
    with ThreadPoolExecutor(AT_ONCE) as arrivals:
        return list(arrivals.map(lambda place: _joined(url, place[1], place[0]), places))


def _joined(url: str, token: str, conversation_id: str) -> BenchSocket:
    one = BenchSocket.connected(url, token)
    one.join(conversation_id)
    return one


def _figures(load: Load, spent: Mapping[str, float]) -> Figures:
    return {
        "cpu_us_per_delivery": spent["server"] / load.deliveries * 1e6,
        "all_cpu_us_per_delivery": sum(spent.values()) / load.deliveries * 1e6,
        **{f"{name}_cpu_us_per_send": seconds / load.sends * 1e6 for name, seconds in spent.items()},
        "all_cpu_us_per_send": sum(spent.values()) / load.sends * 1e6,
        "sends_per_s": load.sends / load.seconds,
        "deliveries_per_s": load.deliveries / load.seconds,
        **_latency(load),
        "generator_share": load.generator_share,
    }


def _latency(load: Load) -> Figures:
    cuts = quantiles(load.latencies, n=100)
    return {"p50_ms": cuts[49] * 1e3, "p95_ms": cuts[94] * 1e3, "p99_ms": cuts[98] * 1e3}
