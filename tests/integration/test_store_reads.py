"""Pages and lists on a real server: what shares a batch, what a reader gets, when a sort key is written."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from confab.domain import changes
from confab.domain.errors import Unavailable
from confab.domain.models import Member
from confab.ports.store import Cursor
from confab.store import rows, statements
from confab.store.connection import Aborted, Connection
from confab.store.reads import ENOUGH_CHARS, IN_FLIGHT
from confab.store.session import Session
from confab.store.statements import LISTING_WINDOW_MS
from tests.support.changes import ALICE, edit, rename, say
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import SurrealServer, counted
from tests.support.waiting import until

MESSAGES, CHANGES_EACH = 4, 9


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of pages in each query."""
    return counted(monkeypatch, statements.PAGES, wanted)


def wanted(variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """The items that a query asks for, of all groups."""
    return [one for group in json.loads(variables.get("wanted", "[]")) for one in group]


async def test_pages_wanted_at_once_share_a_read_and_equal_ones_are_read_once(store, reads):
    await store.create(conversation("c2"), None, now=NOW)
    for content in ("one", "two"):
        await store.append(draft(content), now=NOW)
    expected = [
        (store.page("c1", "alice", 50), ("c1", ["one", "two"])),
        (store.page("c1", "bob", 50), ("c1", ["one", "two"])),
        (store.page("c2", "alice", 50), ("c2", [])),
        (store.page("none", "alice", 50), None),
        (store.page("c1", "mallory", 50), None),
        (store.page("c1", "alice", 1), ("c1", ["two"])),
        (store.page("c1", "alice", 50, after=1), ("c1", ["two"])),
    ]
    pages = await asyncio.gather(*(page for page, _ in expected))
    found = [page and (page.conversation.id, [one["content"] for one in page.messages]) for page in pages]
    assert found == [each for _, each in expected]
    assert reads == [5]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """What the store answers each query from now on."""
    query, answers = Connection.query, []

    async def recorded(*args, **options):
        answers.append(await query(*args, **options))
        return answers[-1]

    monkeypatch.setattr(Connection, "query", recorded)
    return answers


async def test_a_page_reads_as_many_rows_as_it_has_where_most_entries_are_changes(store, answers):
    for _ in range(MESSAGES):
        message = await say(store, "c1")
        for change in range(CHANGES_EACH):
            await edit(store, "c1", message.seq, str(change))
    length = MESSAGES * (1 + CHANGES_EACH)
    for after in range(length):
        answers.clear()
        page = await store.page("c1", "alice", 2, after=after)
        log = await store.log("c1", "alice", 20, after=after)
        rows = [sum(len(json.loads(text)) for text in texts) for ((_, *texts, _),) in answers]
        assert rows == [len(page.messages), len(log.entries)]
        assert rows == [min(2, (length - after) // (1 + CHANGES_EACH)), min(20, length - after)]


LONG = 30_000
FAT = ENOUGH_CHARS // LONG // 2
"""Long messages of a room; a query reads three such rooms."""


@pytest.mark.parametrize("kind", ["page", "log"])
async def test_reads_of_long_messages_share_small_answers_with_short_ones(store, answers, kind):
    """None is large enough to fail whoever shares it, and everybody gets what they would have got alone."""
    rooms = [f"fat-{number}" for number in range(5)]
    for room in (*rooms, "short"):
        await store.create(conversation(room), None, now=NOW)
        said = [draft("x" * (5 if room == "short" else LONG), conversation_id=room)] * FAT
        await asyncio.gather(*(store.append(one, now=NOW) for one in said))
    read = partial(getattr(store, kind), reader="alice", limit=60, **({"after": 0} if kind == "log" else {}))
    answers.clear()
    pages = await asyncio.gather(*(read(room) for room in (*rooms, "short")))
    sizes = [sum(len(text) for one in answer for text in one if isinstance(text, str)) for answer in answers]
    assert max(sizes) < 2 * ENOUGH_CHARS < sum(sizes)
    items = [page.entries if kind == "log" else page.messages for page in pages]
    assert [len(found) for found in items] == [FAT] * len(pages)
    assert [page.conversation.id for page in pages] == [*rooms, "short"]


async def test_a_page_that_is_wanted_later_is_read_later(store, reads):
    """A page holds what was stored before it was wanted, whatever read was in flight."""
    first = asyncio.create_task(store.page("c1", "alice", 50))
    await until(lambda: reads)
    await store.append(draft("one"), now=NOW)
    page = await store.page("c1", "alice", 50)
    assert [message["content"] for message in page.messages] == ["one"]
    await first
    assert reads == [1, 1]


async def test_a_page_that_the_store_refuses_to_read_fails_alone(store, monkeypatch):
    query = Connection.query

    async def refusing(self, statement, variables, **options):
        if any(one["conversation"] == "bad" for one in wanted(variables)):
            raise Aborted("refused")
        return await query(self, statement, variables, **options)

    monkeypatch.setattr(Connection, "query", refusing)
    await store.append(draft("one"), now=NOW)
    rooms = ("c1", "bad", "none", "c1")
    first, bad, none, again = await asyncio.gather(
        *(store.page(room, "alice", 50) for room in rooms), return_exceptions=True
    )
    assert isinstance(bad, Unavailable)
    assert none is None
    assert first == again == await store.page("c1", "alice", 50)


async def test_a_cancelled_reader_holds_up_no_other(proxy, store, reads):
    proxy.hold_answers()
    in_flight: list[asyncio.Task[object]] = []
    while len(in_flight) < IN_FLIGHT:
        in_flight.append(asyncio.create_task(store.page("c1", "alice", 50)))
        await until(lambda: len(reads) == len(in_flight))
    cancelled = asyncio.create_task(store.page("c2", "alice", 50))
    last = asyncio.create_task(store.page("c1", "alice", 50))
    await asyncio.sleep(0)
    in_flight[0].cancel()
    cancelled.cancel()
    await asyncio.sleep(0)
    proxy.pass_answers()
    assert await last is not None
    assert reads == [1] * (IN_FLIGHT + 1)


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


@pytest.mark.parametrize("change", ["a message", "a title"])
async def test_a_list_reads_as_much_however_many_conversations_have_changed(
    store, answers, monkeypatch, change
):
    """As when a stranger makes hundreds for a victim; and the order is that of the last changes."""
    monkeypatch.setattr(statements, "MOST_STALE", 3)
    ids = [f"many-{number:02}" for number in range(16)]
    for one in ids:
        await store.create(conversation(one, members=(Member(user_id="eve"),)), None, now=NOW)
    for again in range(2):
        for after, one in enumerate(reversed(ids) if again else ids, again * 1_000):
            now = NOW + after * MILLISECOND
            if change == "a message":
                await store.append(draft(conversation_id=one), now=now)
            else:
                renamed = changes.update(await store.conversation(one), ALICE, rename(str(now)))
                await store.change_conversation(renamed, now=now)
        answers.clear()
        first = await store.conversations("eve", status=None, after=None, limit=2)
        read = [len(json.loads(text)) for text, _ in answers]
        assert sum(read) <= 2 + statements.MOST_STALE
        assert [found["id"] for found in first] == (ids[:2] if again else ids[:-3:-1])
    listed = await store.conversations("eve", status=None, after=None, limit=50)
    assert [found["id"] for found in listed] == ids


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
