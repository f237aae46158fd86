"""Pages of a fat conversation: read, not read, and given up."""

import asyncio
import json
from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import connect

OWNER = "fatso"
CONTENT = '"' * 32_700
PAGE_BYTES = 262_144
SLACK_BYTES = 8_192
"""For the conversation itself, beside the page."""
DEAF_S = 12.0
RECEIVE_BYTES = 32_768


async def fat_room(attempt: Attempt) -> tuple[str, int]:
    """A conversation of 200 messages of 64 KB each, as JSON; its id and how many there are."""
    messages = attempt.count(200, 24)
    room = await attempt.conversation(OWNER, [])
    await attempt.fill(room, OWNER, CONTENT, messages)
    return room, messages


async def readers(attempt: Attempt) -> None:
    """Parallel readers of whole pages, which end by their bytes; paging gets everything."""
    room, messages = await fat_room(attempt)
    times = attempt.count(40, 8)
    attempt.outcome.sent = f"{times} parallel GETs of {messages} messages of 32,700 quotes"
    await attempt.begin()
    largest = max(await asyncio.gather(*(_page_bytes(attempt, room) for _ in range(times))))
    attempt.note("largest page, bytes", f"{largest:,}")
    if largest > PAGE_BYTES + SLACK_BYTES:
        attempt.fail(f"a page of {largest:,} B")
    await _page_through(attempt, room, messages)


async def _page_bytes(attempt: Attempt, room: str) -> int:
    page = await attempt.rest("get_conversation", f"/{room}?limit=200", OWNER, within_s=50)
    attempt.saw(page)
    return len(page.body)


async def _page_through(attempt: Attempt, room: str, messages: int) -> None:
    after, got, more = 0, 0, True
    while more and got <= messages:
        page = await attempt.rest("get_conversation", f"/{room}?limit=200&after={after}", OWNER, within_s=30)
        attempt.saw(page)
        if page.status != 200:
            break
        read = json.loads(page.body)
        got, more = got + len(read["messages"]), read["hasMore"]
        after = read["messages"][-1]["seq"] if read["messages"] else after
    if got != messages:
        attempt.fail(f"paging got {got} of {messages} messages")


async def deaf(attempt: Attempt) -> None:
    """Parallel requests whose answers nobody reads, given up in the end."""
    room, _ = await fat_room(attempt)
    times = attempt.count(40, 8)
    attempt.outcome.sent = f"{times} GETs of a fat page, not read for {DEAF_S:.0f} s"
    await attempt.begin()
    await asyncio.gather(*(_give_up(attempt, room, after_s=DEAF_S) for _ in range(times)))


async def aborts(attempt: Attempt, *, rounds: int, each: int) -> None:
    """Rounds of requests that are given up after the first bytes of the answer."""
    room, _ = await fat_room(attempt)
    rounds = attempt.count(rounds, 2)
    attempt.outcome.sent = f"{rounds} rounds of {each} GETs of a fat page, aborted"
    await attempt.begin()
    for _ in range(rounds):
        await asyncio.gather(*(_give_up(attempt, room, after_s=0.3) for _ in range(each)))


async def _give_up(attempt: Attempt, room: str, *, after_s: float) -> None:
    """Ask for the page, read its first bytes, and reset the connection after a while."""
    token = await attempt.token(OWNER)
    head = f"Host: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    reader, writer = await connect(attempt.target.functions["get_conversation"], receive_bytes=RECEIVE_BYTES)
    try:
        writer.write(f"GET /api/conversations/{room}?limit=200 HTTP/1.1\r\n{head}".encode())
        await asyncio.wait_for(reader.read(1), 30)
        await asyncio.sleep(after_s)
    except (OSError, TimeoutError):
        return
    finally:
        writer.transport.abort()


ATTACKS = (
    Attack("pages", 3, readers, most_s=120),
    Attack("pages-deaf", 3, deaf, most_s=120),
    Attack("pages-aborted", 3, partial(aborts, rounds=10, each=20), most_s=180),
)
