"""When a participation's sort key is written, on a real server."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from confab.ports.store import Cursor
from confab.store import rows
from confab.store.session import Session
from confab.store.statements import LISTING_WINDOW_MS
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import SurrealServer

WINDOW = timedelta(milliseconds=LISTING_WINDOW_MS)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
async def session(server: SurrealServer) -> AsyncIterator[Session]:
    session = await Session.open(server.account())
    yield session
    await session.close()


async def stored(session: Session) -> set[str]:
    """The sort keys of c1 in its participants' lists."""
    keys = await session.query("SELECT VALUE place FROM participation", {})
    assert len(keys) == len(conversation().participants)
    return set(keys)


def key(at: datetime) -> set[str]:
    return {rows.activity_key(at, "c1")}


async def test_the_first_message_writes_the_sort_key_and_the_next_ones_once_a_window(store, session):
    assert await stored(session) == key(NOW)
    await store.append(draft(), now=NOW + MILLISECOND)
    assert await stored(session) == key(NOW + MILLISECOND)
    await store.append(draft(), now=NOW + WINDOW)
    assert await stored(session) == key(NOW + MILLISECOND)
    await store.append(draft(), now=NOW + WINDOW + MILLISECOND)
    assert await stored(session) == key(NOW + WINDOW + MILLISECOND)


async def test_a_release_that_writes_the_sort_key_every_time_may_serve_beside_this_one(store, session):
    """As version 1 did with each message: it wrote `place` and not `listed_at`."""
    await store.append(draft(), now=NOW)
    later = NOW + WINDOW - 2 * MILLISECOND
    await session.query("UPDATE conversation SET updated_at = $at", {"at": later})
    await session.query("UPDATE participation SET place = $place", {"place": rows.activity_key(later, "c1")})
    await store.create(conversation("c2", created_at=later, updated_at=later), None, now=NOW)
    await store.append(draft(), now=later + MILLISECOND)
    listed = await store.conversations("alice", status="active", after=None, limit=1)
    assert [one["id"] for one in listed] == ["c1"]
    closed = {"at": later + MILLISECOND, "place": rows.activity_key(later + MILLISECOND, "c1")}
    await session.query("UPDATE conversation:c1 SET finalized_at = $at, updated_at = $at", closed)
    await session.query(
        "UPDATE participation SET status = 'finalized', place = $place WHERE conversation = conversation:c1",
        closed,
    )
    listed = await store.conversations("alice", status="active", after=None, limit=1)
    assert [one["id"] for one in listed] == ["c2"]


async def test_a_user_id_that_looks_like_an_index_entry_reaches_no_other_users_list(store):
    """The index of busy conversations has text keys: no id may sort into another user's range."""
    await store.append(draft(), now=NOW + MILLISECOND)
    noted_at = rows.activity_key(NOW + MILLISECOND, "c1")
    for uid in (f"alice:{noted_at}", f"5:alice:{noted_at}", f"{noted_at}"):
        mine = conversation(f"of-{len(uid)}", owner=uid, members=())
        await store.create(mine, None, now=NOW)
        await store.append(draft(conversation_id=mine.id, author=uid), now=NOW + MILLISECOND)
    listed = await store.conversations("alice", status=None, after=None, limit=1)
    assert [one["id"] for one in listed] == ["c1"]
    rest = Cursor(NOW + MILLISECOND, "c1")
    assert await store.conversations("alice", status=None, after=rest, limit=1) == []
