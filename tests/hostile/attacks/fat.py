"""Conversations that cost memory: pages read, not read and given up, and sockets that do not read."""

import asyncio
import json
from functools import partial

from websockets.asyncio.client import ClientConnection

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import API, GET, LIMITED, Attempt, in_parallel
from tests.hostile.raw import DEAF_BYTES, REFUSALS, deaf_socket, http, open_wire, replies

OWNER = "fatso"
CONTENT = '"' * 32_700
PAGE_BYTES = 262_144
SLACK_BYTES = 8_192
"""For the conversation itself, beside the page."""
GUESTS = [f"guest-{number}" for number in range(15)]
MEMBERS = [f"member-{number}" for number in range(99)]
CREATING = 8
LISTED, FAT = "?limit=200", {"a": "x" * 4_000}
"""The query of a list of conversations, and what makes them large."""
HELD_S = 12.0
JOINS = 20
"""Of a socket: 5 MB of pages, of which the kernel takes 4."""
WAITING = 40
"""Sockets that are not admitted yet: an address may have few."""
ADMITTED_S = 30.0


async def fat_room(attempt: Attempt, messages: int, members: list[str]) -> str:
    """A conversation of so many messages of 64 KB each, as JSON."""
    room = await attempt.conversation(OWNER, members)
    await in_parallel(lambda _: attempt.write(room, OWNER, CONTENT), messages)
    return room


async def readers(attempt: Attempt) -> None:
    """Parallel readers of whole pages, which end by their bytes."""
    messages, times = attempt.count(200, 24), attempt.count(40, 8)
    room = await fat_room(attempt, messages, [])
    attempt.outcome.sent = f"{times} parallel GETs of {messages} messages of {len(CONTENT):,} quotes"
    await attempt.begin()
    path = f"/{room}?limit=200"
    pages = await in_parallel(lambda _: attempt.rest(GET, path, OWNER, within_s=50), times, times)
    attempt.saw(*pages)
    largest = max(len(page.body) for page in pages)
    if not PAGE_BYTES / 2 < largest <= PAGE_BYTES + SLACK_BYTES:
        attempt.fail(f"the largest page has {largest:,} B")


async def deaf_readers(
    attempt: Attempt, *, rounds: int, each: int, after_s: float, what: str = "", function: str = GET
) -> None:
    """Rounds of requests of which only the beginning of the answer is read, and that are then given up."""
    room = await fat_room(attempt, attempt.count(200, 24), [])
    rounds, each = attempt.count(rounds, min(rounds, 2)), attempt.count(each, 8)
    path = LISTED if what == LISTED else f"/{room}{what}?limit=200"
    if what == LISTED:
        await in_parallel(
            lambda _: attempt.conversation(OWNER, MEMBERS, metadata=FAT), attempt.count(100, 10)
        )
    request = http("GET", f"{API}{path}", await attempt.headers(OWNER))
    attempt.outcome.sent = f"{rounds} rounds of {each} GETs of a fat page, given up after {after_s} s"

    async def give_up(_: int) -> None:
        sock = deaf_socket(attempt.target.functions[function])
        reader, writer = await asyncio.open_connection(sock=sock, limit=DEAF_BYTES)
        try:
            writer.write(request)
            await asyncio.wait_for(reader.read(1), 30)
            await asyncio.sleep(after_s)
        except OSError:  # TimeoutError included
            return
        finally:
            writer.transport.abort()

    await attempt.begin()
    for _ in range(rounds):
        await in_parallel(give_up, each, each)


async def fat_join(attempt: Attempt) -> None:
    """Sockets of 15 accounts that join a fat room again and again and read nothing."""
    sockets, messages = attempt.count(300, 30), attempt.count(50, 12)
    attempt.outcome.growth_mib = attempt.count(400, 60)
    room = await fat_room(attempt, messages, GUESTS)
    tokens = [await attempt.token(GUESTS[number % len(GUESTS)]) for number in range(sockets)]
    attempt.outcome.sent = f"{sockets} sockets join a room of {messages} fat messages and do not read"
    await attempt.begin()
    opened = await in_parallel(lambda n: _join(attempt, tokens[n], [room] * JOINS), sockets, WAITING)
    await asyncio.sleep(HELD_S)
    _give_up(attempt, opened)


async def many_rooms(attempt: Attempt) -> None:
    """20 sockets of one account in 100 rooms each, every room with 100 members."""
    sockets, rooms = attempt.count(20, 3), attempt.count(100, 10)
    attempt.outcome.sent = f"{sockets} sockets in {rooms} rooms each, with 100 members"
    made = await in_parallel(lambda _: attempt.conversation("roomy", MEMBERS), sockets * rooms, CREATING)
    token = await attempt.token("roomy")
    await attempt.begin()
    wires = await in_parallel(lambda n: _join(attempt, token, made[n * rooms :][:rooms]), sockets, 1)
    acks = [ack for wire in wires if wire for ack in (await replies(wire, rooms, ADMITTED_S))[0]]
    attempt.note("joined", sum('"ok":true' in ack for ack in acks))
    _give_up(attempt, wires)


def _give_up(attempt: Attempt, wires: list[ClientConnection | None]) -> None:
    attempt.note("admitted", sum(wire is not None for wire in wires))
    for wire in wires:
        if wire is not None:
            wire.transport.abort()


async def _join(attempt: Attempt, token: str, rooms: list[str]) -> ClientConnection | None:
    """A socket that has asked to join these rooms; None if it was refused."""
    try:
        wire = await open_wire(attempt.instance)
        await wire.send(f'40{{"token":"{token}"}}')
        admitted, _ = await replies(wire, 1, ADMITTED_S)
        if not admitted or not admitted[0].startswith("40"):
            wire.transport.abort()
            return None
        for number, room in enumerate(rooms):
            await wire.send(f"42{number}" + json.dumps(["join", {"conversationId": room}]))
    except REFUSALS:
        return None
    return wire


ATTACKS = (
    Attack("pages", readers, most_s=120),
    Attack("pages-deaf", partial(deaf_readers, rounds=1, each=40, after_s=HELD_S), most_s=120),
    Attack("pages-aborted", partial(deaf_readers, rounds=10, each=20, after_s=0.3), most_s=180),
    *(
        Attack(
            f"{name}-deaf",
            partial(deaf_readers, rounds=1, each=40, after_s=HELD_S, what=what, function=LIMITED),
        )
        for name, what in (("list", LISTED), ("log", "/log"))
    ),
    Attack("fat-join", fat_join, most_s=90),
    Attack("many-rooms", many_rooms, most_s=120),
)
