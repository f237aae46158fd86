"""The schema: migrated once, moved forward step by step, and refused if it is too old or too new."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from surrealdb.errors import ServerError

from confab.domain.errors import Unavailable
from confab.store import schema, statements
from confab.store.schema import ABSENT, MIGRATIONS, OLDER, TOO_NEW, VERSION, Migration
from confab.store.session import Session
from tests.support.pubsub import closed_port
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import SurrealServer, migrate, store_command, surreal_store

LANGUAGE = """
    DEFINE FIELD language ON conversation TYPE string DEFAULT 'en';
    UPDATE conversation SET language = 'en';
"""
NEXT = (*MIGRATIONS, Migration(LANGUAGE, oldest=VERSION + 1))
ADDED = (*MIGRATIONS, Migration(LANGUAGE, oldest=VERSION))
BROKEN = (
    *MIGRATIONS,
    Migration("DEFINE FIELD language ON conversation TYPE string; THROW 'half way';", oldest=VERSION),
)


@pytest.fixture
async def session(database: SurrealServer) -> AsyncIterator[Session]:
    session = await Session.open(database.account(), define=True)
    yield session
    await session.close()


async def test_a_second_migration_changes_nothing(session):
    assert await schema.version(session) == 0
    assert await schema.migrate(session) == VERSION
    first = await session.query("INFO FOR DB", {})
    assert await schema.migrate(session) == 0
    assert await session.query("INFO FOR DB", {}) == first
    assert await schema.version(session) == VERSION


@pytest.mark.parametrize("step", MIGRATIONS)
async def test_a_step_can_be_repeated(session, step):
    await schema.migrate(session)
    await session.query("{" + step.statement + "}", {})
    await schema.require(session)


async def test_every_table_takes_only_the_fields_that_are_defined(session):
    await schema.migrate(session)
    tables = (await session.query("INFO FOR DB", {}))["tables"]
    assert sorted(tables) == [
        "change",
        "conversation",
        "created",
        "erased",
        "erasing",
        "message",
        "participation",
        "purge",
        "schema",
        "secret",
        "sent",
        "tombstone",
    ]
    assert all("SCHEMAFULL" in definition for definition in tables.values())


async def test_a_migration_to_the_next_version_takes_one_step_and_keeps_the_data(database, session):
    await schema.migrate(session)
    store = surreal_store(database)
    await store.create(conversation(), None, now=NOW)
    stored = (await store.append(draft(), now=NOW)).message
    assert await schema.migrate(session, NEXT) == 1
    assert await schema.version(session) == VERSION + 1
    assert await session.query("SELECT VALUE language FROM conversation", {}) == ["en"]
    kept = await session.query("SELECT VALUE content FROM message", {})
    assert kept == [stored.content]
    await store.close()


async def test_a_step_that_fails_changes_nothing(session):
    await schema.migrate(session)
    before = await session.query("INFO FOR TABLE conversation", {})
    with pytest.raises(ServerError, match="half way"):
        await schema.migrate(session, BROKEN)
    assert await schema.version(session) == VERSION
    assert await session.query("INFO FOR TABLE conversation", {}) == before


async def test_a_newer_schema_is_refused_also_by_a_connected_store(database, session):
    await schema.migrate(session)
    connected, later = surreal_store(database), surreal_store(database)
    await connected.check()
    await schema.migrate(session, NEXT)
    for call in (
        connected.check(),
        later.check(),
        later.conversation("c1"),
        later.append(draft(), now=NOW),
        schema.migrate(session, MIGRATIONS),
    ):
        with pytest.raises(Unavailable, match=TOO_NEW):
            await call
    await connected.close()
    await later.close()


async def test_this_code_works_beside_a_newer_schema_that_only_adds_and_leaves_it(database, session):
    await schema.migrate(session)
    connected, later = surreal_store(database), surreal_store(database)
    await connected.create(conversation(), None, now=NOW)
    await schema.migrate(session, ADDED)
    for store in (connected, later):
        await store.check()
        assert (await store.append(draft(), now=NOW)).new
        await store.close()
    assert await schema.migrate(session, MIGRATIONS) == 0
    assert await schema.version(session) == VERSION + 1


def test_a_schema_is_absent_too_old_too_new_or_usable():
    assert schema.trouble(None) == ABSENT
    assert schema.trouble({"number": VERSION, "oldest": VERSION}, VERSION + 1) == OLDER
    assert schema.trouble({"number": VERSION + 1, "oldest": VERSION + 1}) == TOO_NEW
    assert schema.trouble({"number": VERSION + 1, "oldest": VERSION}) is None
    # a database of a release that did not record the oldest code serves its own version only
    assert schema.trouble({"number": VERSION, "oldest": None}) is None
    assert schema.trouble({"number": VERSION + 1, "oldest": None}) == TOO_NEW


async def test_a_store_without_a_schema_is_refused_until_it_is_there(database):
    store = surreal_store(database)
    with pytest.raises(Unavailable, match=ABSENT):
        await store.check()
    with pytest.raises(Unavailable, match=ABSENT):
        await store.create(conversation(), None, now=NOW)
    await migrate(database)
    await store.check()
    assert (await store.create(conversation(), None, now=NOW)).new
    await store.close()


async def test_pages_and_lists_are_read_by_id_range_and_index_up_to_their_limit(session):
    await schema.migrate(session)
    ranges = re.findall(r"(FROM (\w+):\[.+\]\.\.=\[.+\])", statements.PAGES + statements.LOG)
    assert [table for _, table in ranges] == ["message", "message", "change"]
    for one, _ in ranges:
        assert "RecordIdScan" in await session.query(f"EXPLAIN SELECT * {one}", {})
    selects = re.findall(r"SELECT [^()]+ FROM participation[^()]+", statements.LISTING)
    assert len(selects) == statements.LISTING.count("FROM participation") == 3
    values = {"user": "u", "after": "", "active": 7, "finalized": 7, "from": "1:u:1", "until": "1:u:2"}
    for select in selects:
        plan = await session.query("EXPLAIN " + select, values)
        assert re.search(r"IndexScan .*(limit: \$(active|finalized)|access: >'1:u:1' <'1:u:2')", plan)
        assert "Sort" not in plan
        assert "Filter" not in plan


async def test_the_command_migrates_and_checks(database, session):
    gone = store_command(database, "check", SURREALDB_URL=f"ws://{closed_port()}")
    for code, out, err in await asyncio.gather(store_command(database, "check"), gone):
        assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert await store_command(database, "migrate") == (
        0,
        f"migrated to schema version {VERSION} in {VERSION} steps\n",
        "",
    )
    later = await schema.migrate(session, ADDED) + VERSION
    migrated, checked = await asyncio.gather(
        store_command(database, "migrate"), store_command(database, "check")
    )
    assert migrated == (0, f"migrated to schema version {later} in 0 steps\n", "")
    assert checked == (0, f"schema version {later} is in place; root: owner\n", "")
