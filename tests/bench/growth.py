"""How the cost of a page and of a list grows with what is stored; it should not."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from surrealdb import RecordID

from confab.domain.limits import Limits
from confab.domain.models import Conversation
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


def _reads(store: Store, size: int) -> Mapping[str, Callable[[], Awaitable[object]]]:
    owner, conversations = principal(_owner(size)), conversations_over(store)
    newest = parse(GetConversation, {"limit": PAGE}, LIMITS)
    middle = parse(GetConversation, {"limit": PAGE, "after": (size - PAGE) // 2}, LIMITS)
    listing = parse(ListConversations, {"limit": PAGE}, LIMITS)
    reads = (
        lambda: conversations.get_conversation(_log(size), newest, caller=owner),
        lambda: conversations.get_conversation(_log(size), middle, caller=owner),
        lambda: conversations.list_conversations(listing, caller=owner),
    )
    return dict(zip(READS, reads, strict=True))


async def _measure(server: SurrealServer, read: Callable[[], Awaitable[object]]) -> tuple[float, float]:
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
    """Write a log and a list of every size."""
    session = await Session.open(server.account())
    try:
        for size in SIZES:
            for table, stored in (*_log_rows(size), *_list_rows(size)):
                for start in range(0, len(stored), ROWS_PER_QUERY):
                    part = stored[start : start + ROWS_PER_QUERY]
                    await session.query(f"INSERT INTO {table} $rows RETURN NONE", {"rows": part})
    finally:
        await session.close()


Rows = tuple[str, list[dict[str, Any]]]
"""A table, and rows for it."""


def _log_rows(size: int) -> tuple[Rows, Rows]:
    content = {"role": "user", "author": _owner(size), "content": "x" * 200, "metadata": "{}"}
    messages = [
        {"id": RecordID("message", [_log(size), seq]), "created_at": WRITTEN_AT, **content}
        for seq in range(1, size + 1)
    ]
    read = _conversation(_log(size), _owner(size), size, WRITTEN_AT)
    return ("conversation", [_row(read)]), ("message", messages)


def _list_rows(size: int) -> tuple[Rows, Rows]:
    """Conversations with a message each, a minute apart, as they stand in their owner's list."""
    owner = _owner(size)
    listed = [
        _conversation(f"list{size}-{number}", owner, 1, WRITTEN_AT + timedelta(minutes=number))
        for number in range(size)
    ]
    participations = []
    for one in listed:
        key = rows.activity_key(one.updated_at, one.id)
        participations.append(
            {
                "id": RecordID("participation", [owner, one.id]),
                "user": owner,
                "conversation": rows.conversation_record(one.id),
                "status": "active",
                "place": key,
                "talk": f"{len(owner)}:{owner}:{key}",
            }
        )
    conversations = [_row(one) | {"listed_at": one.updated_at} for one in listed]
    return ("conversation", conversations), ("participation", participations)


def _conversation(conversation_id: str, owner: str, seq: int, at: datetime) -> Conversation:
    return conversation(conversation_id, owner=owner, members=(), seq=seq, created_at=at, updated_at=at)


def _row(one: Conversation) -> dict[str, Any]:
    return {"id": rows.conversation_record(one.id), **rows.conversation_content(one)}


def _log(size: int) -> str:
    return f"log{size}"


def _owner(size: int) -> str:
    return f"owner-of-{size}"
