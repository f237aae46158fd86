"""How the cost of a page and of a list grows with what is stored; it should not."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from surrealdb import RecordID

from confab.domain.limits import Limits
from confab.domain.models import Conversation
from confab.domain.requests import GetConversation, ListConversations, parse
from confab.ports import Store
from confab.store import rows
from confab.store.session import Session
from tests.support.accounting import cpu_s
from tests.support.adapters import conversations_over
from tests.support.samples import conversation, principal
from tests.support.surrealdb import SurrealServer, surreal_server, surreal_store

SIZES = (100, 1_000, 10_000, 100_000)
CALLS = 60
ROWS_PER_QUERY = 2_000
WRITTEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits()

Reads = dict[str, dict[int, dict[str, float]]]
"""Figures by what is read and how much there is of it."""
Read = Callable[[], Awaitable[object]]


@asynccontextmanager
async def stored() -> AsyncIterator[tuple[SurrealServer, Store]]:
    """A store with a log and a list of every size."""
    with TemporaryDirectory() as folder:
        async with surreal_server(Path(folder) / "store") as server:
            session = await Session.open(server.account())
            try:
                for size in SIZES:
                    await _fill_log(session, size)
                    await _fill_list(session, size)
            finally:
                await session.close()
            store = surreal_store(server)
            try:
                yield server, store
            finally:
                await store.close()


async def reads(server: SurrealServer, store: Store) -> Reads:
    """Milliseconds that each read takes, and of the server's CPU, by what is read and how much there is."""
    found: Reads = {}
    for size in SIZES:
        for name, read in _reads(store, size).items():
            found.setdefault(name, {})[size] = await _measure(server, read)
    return found


def _reads(store: Store, size: int) -> Mapping[str, Read]:
    owner, conversations = principal(_owner(size)), conversations_over(store)

    def page(**query: int) -> Read:
        request = parse(GetConversation, {"limit": 50, **query}, LIMITS)
        return lambda: conversations.get_conversation(_log(size), request, caller=owner)

    listing = parse(ListConversations, {"limit": 50}, LIMITS)
    return {
        "newest page": page(),
        "page in the middle": page(after=size // 2 - 25),
        "first page of the list": lambda: conversations.list_conversations(listing, caller=owner),
    }


async def _measure(server: SurrealServer, read: Read) -> dict[str, float]:
    for _ in range(5):
        await read()
    took = []
    before = cpu_s([server.pid])
    for _ in range(CALLS):
        begun = time.perf_counter()
        await read()
        took.append(time.perf_counter() - begun)
    return {"wall_ms": median(took) * 1e3, "store_cpu_ms": (cpu_s([server.pid]) - before) / CALLS * 1e3}


async def _fill_log(session: Session, size: int) -> None:
    read = _conversation(_log(size), _owner(size), seq=size)
    await _insert(session, "conversation", [_row(read)])
    content = {"role": "user", "author": _owner(size), "content": "x" * 200, "metadata": "{}"}
    await _insert(
        session,
        "message",
        [
            {"id": RecordID("message", [_log(size), seq]), "created_at": WRITTEN_AT, **content}
            for seq in range(1, size + 1)
        ],
    )


async def _fill_list(session: Session, size: int) -> None:
    """Conversations in which something was said, a minute apart, as they stand in their owner's list."""
    owner = _owner(size)
    said = [WRITTEN_AT + timedelta(minutes=number) for number in range(size)]
    mine = [_conversation(f"list{size}-{number}", owner, seq=1, at=at) for number, at in enumerate(said)]
    await _insert(session, "conversation", [_row(one) | {"listed_at": one.updated_at} for one in mine])
    keys = [rows.activity_key(one.updated_at, one.id) for one in mine]
    await _insert(
        session,
        "participation",
        [
            {
                "id": RecordID("participation", [owner, one.id]),
                "user": owner,
                "conversation": rows.conversation_record(one.id),
                "status": "active",
                "place": key,
                "talk": f"{len(owner)}:{owner}:{key}",
            }
            for one, key in zip(mine, keys, strict=True)
        ],
    )


async def _insert(session: Session, table: str, rows: list[dict[str, object]]) -> None:
    for start in range(0, len(rows), ROWS_PER_QUERY):
        part = rows[start : start + ROWS_PER_QUERY]
        await session.query(f"INSERT INTO {table} $rows RETURN NONE", {"rows": part})


def _row(one: Conversation) -> dict[str, object]:
    return {"id": rows.conversation_record(one.id), **rows.conversation_content(one)}


def _conversation(conversation_id: str, owner: str, *, seq: int, at: datetime = WRITTEN_AT) -> Conversation:
    return conversation(conversation_id, owner=owner, members=(), seq=seq, created_at=at, updated_at=at)


def _log(size: int) -> str:
    return f"log{size}"


def _owner(size: int) -> str:
    return f"owner-of-{size}"
