"""How the cost of a page and of a list grows with what is stored; it should not."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from surrealdb import RecordID

from confab.domain.limits import Limits
from confab.domain.requests import GetConversation, ListConversations, parse
from confab.ports import Store
from confab.store import rows
from confab.store.session import Session
from tests.bench.runner import Figures
from tests.support.accounting import cpu_s
from tests.support.adapters import conversations_over
from tests.support.samples import conversation, principal
from tests.support.surrealdb import SurrealServer, surreal_server, surreal_store

SIZES = (100, 1_000, 10_000, 100_000)
PAGE = 50
WARM_UP, CALLS = 5, 60
ROWS_PER_QUERY = 2_000
WRITTEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits()
Read = Callable[[], Awaitable[object]]
READS = ("newest page", "page in the middle", "first page of the list")


def figure(read: str, size: int) -> str:
    """The name of the milliseconds that a read takes."""
    return f"{read}, of {size:,}: ms"


async def figures() -> Figures:
    """Milliseconds that each read takes, and of the store's CPU, by what is read and how much there is."""
    found: Figures = {}
    with TemporaryDirectory() as folder:
        async with surreal_server(Path(folder) / "store") as server:
            await _fill(server)
            store = surreal_store(server)
            try:
                for size in SIZES:
                    for name, read in _reads(store, size).items():
                        wall_ms, store_cpu_ms = await _measure(server, read)
                        found[figure(name, size)] = wall_ms
                        found[f"{name}, of {size:,}: store CPU ms"] = store_cpu_ms
            finally:
                await store.close()
    return found


def _reads(store: Store, size: int) -> Mapping[str, Read]:
    conversations, log, owner = conversations_over(store), _id(size), principal(_owner(size))
    newest = parse(GetConversation, {"limit": PAGE}, LIMITS)
    middle = parse(GetConversation, {"limit": PAGE, "after": (size - PAGE) // 2}, LIMITS)
    listing = parse(ListConversations, {"limit": PAGE}, LIMITS)
    reads: tuple[Read, ...] = (
        lambda: conversations.get_conversation(log, newest, caller=owner),
        lambda: conversations.get_conversation(log, middle, caller=owner),
        lambda: conversations.list_conversations(listing, caller=owner),
    )
    return dict(zip(READS, reads, strict=True))


async def _measure(server: SurrealServer, read: Read) -> tuple[float, float]:
    for _ in range(WARM_UP):
        await read()
    took = []
    before = cpu_s([server.pid])
    for _ in range(CALLS):
        begun = time.perf_counter()
        await read()
        took.append(time.perf_counter() - begun)
    return median(took) * 1e3, (cpu_s([server.pid]) - before) / CALLS * 1e3


async def _fill(server: SurrealServer) -> None:
    session = await Session.open(server.account())
    try:
        for size in SIZES:
            for table, stored in _rows(size).items():
                for start in range(0, len(stored), ROWS_PER_QUERY):
                    part = stored[start : start + ROWS_PER_QUERY]
                    await session.query(f"INSERT INTO {table} $rows RETURN NONE", {"rows": part})
    finally:
        await session.close()


def _rows(size: int) -> Mapping[str, list[dict[str, Any]]]:
    """By table: so many conversations of one owner, a minute apart, and so many messages in the first."""
    owner = _owner(size)
    said = {"role": "user", "author": owner, "content": "x" * 200, "metadata": "{}"}
    stored: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for number in range(size):
        at = WRITTEN_AT + timedelta(minutes=number)
        one = conversation(_id(size, number), owner=owner, members=(), seq=size, created_at=at, updated_at=at)
        record, key = RecordID("conversation", one.id), rows.activity_key(at, one.id)
        stored["conversation"].append({"id": record, "listed_at": at, **rows.conversation_content(one)})
        stored["participation"].append(
            {
                "id": RecordID("participation", [owner, one.id]),
                "user": owner,
                "conversation": record,
                "status": "active",
                "place": key,
                "talk": f"{len(owner)}:{owner}:{key}",
            }
        )
        place = [_id(size), number + 1]
        stored["message"].append({"id": RecordID("message", place), "created_at": at, **said})
    return stored


def _id(size: int, number: int = 0) -> str:
    return f"c{size}-{number}"


def _owner(size: int) -> str:
    return f"owner-of-{size}"
