"""The schema: put in place once, moved forward, and never used while it is another one."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import pytest
from surrealdb.errors import ServerError

from confab.domain.errors import Unavailable
from confab.store import schema, statements
from confab.store.schema import ABSENT, MIGRATIONS, OLDER, TOO_NEW, VERSION, Migration
from confab.store.session import Session
from tests.support.pubsub import closed_port
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import (
    PASSWORD,
    ROOT,
    USER,
    SurrealServer,
    migrate,
    surreal_store,
)

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
def server(store_server: SurrealServer) -> SurrealServer:
    """A database of the test's own, without a schema."""
    return store_server.with_database()


@pytest.fixture
async def session(server: SurrealServer) -> AsyncIterator[Session]:
    session = await Session.open(server.account(), define=True)
    yield session
    await session.close()


async def test_a_second_migration_changes_nothing(session: Session) -> None:
    assert await schema.version(session) == 0
    assert await schema.migrate(session) == VERSION
    first = await session.query("INFO FOR DB", {})
    assert await schema.migrate(session) == 0
    assert await session.query("INFO FOR DB", {}) == first
    assert await schema.version(session) == VERSION


@pytest.mark.parametrize("step", MIGRATIONS)
async def test_a_step_that_was_taken_by_hand_can_be_taken_again(session: Session, step: Migration) -> None:
    await schema.migrate(session)
    await session.query("{" + step.statement + "}", {})
    await schema.require(session)


async def test_every_table_takes_only_the_fields_that_are_defined(session: Session) -> None:
    await schema.migrate(session)
    tables = (await session.query("INFO FOR DB", {}))["tables"]
    assert sorted(tables) == ["conversation", "created", "message", "participation", "schema", "sent"]
    assert all("SCHEMAFULL" in definition for definition in tables.values())


async def test_the_next_version_takes_only_its_own_step_and_keeps_the_data(
    server: SurrealServer, session: Session
) -> None:
    await schema.migrate(session)
    store = surreal_store(server)
    await store.create(conversation(), None, now=NOW)
    stored = (await store.append(draft(), now=NOW)).message
    assert await schema.migrate(session, NEXT) == 1
    assert await schema.version(session) == VERSION + 1
    assert await session.query("SELECT VALUE language FROM conversation", {}) == ["en"]
    kept = await session.query("SELECT VALUE content FROM message", {})
    assert kept == [stored.content]
    await store.close()


async def test_a_step_that_fails_leaves_the_version_before_it_whole(session: Session) -> None:
    await schema.migrate(session)
    before = await session.query("INFO FOR TABLE conversation", {})
    with pytest.raises(ServerError, match="half way"):
        await schema.migrate(session, BROKEN)
    assert await schema.version(session) == VERSION
    assert await session.query("INFO FOR TABLE conversation", {}) == before


async def test_a_newer_schema_is_refused(server: SurrealServer, session: Session) -> None:
    await schema.migrate(session, NEXT)
    store = surreal_store(server)
    for call in (store.check(), store.conversation("c1"), store.append(draft(), now=NOW)):
        with pytest.raises(Unavailable, match=TOO_NEW):
            await call
    with pytest.raises(Unavailable, match=TOO_NEW):
        await schema.migrate(session, MIGRATIONS)
    await store.close()


async def test_code_goes_on_beside_a_newer_schema_that_only_adds(
    server: SurrealServer, session: Session
) -> None:
    await schema.migrate(session)
    store = surreal_store(server)
    await store.create(conversation(), None, now=NOW)
    await schema.migrate(session, ADDED)
    later = surreal_store(server)
    for one in (store, later):
        await one.check()
        assert (await one.append(draft(), now=NOW)).new
        await one.close()


async def test_a_rollback_leaves_a_newer_schema_that_only_adds_as_it_is(session: Session) -> None:
    await schema.migrate(session, ADDED)
    assert await schema.migrate(session, MIGRATIONS) == 0
    assert await schema.version(session) == VERSION + 1
    await schema.require(session)


def test_what_is_wrong_with_a_schema_is_told_apart() -> None:
    assert schema.trouble(None) == ABSENT
    assert schema.trouble({"number": VERSION, "oldest": VERSION}, VERSION + 1) == OLDER
    assert schema.trouble({"number": VERSION + 1, "oldest": VERSION + 1}) == TOO_NEW
    assert schema.trouble({"number": VERSION + 1, "oldest": VERSION}) is None


async def test_a_database_that_does_not_tell_the_oldest_code_is_used_by_its_own_version_only() -> None:
    assert schema.trouble({"number": VERSION, "oldest": None}) is None
    assert schema.trouble({"number": VERSION + 1, "oldest": None}) == TOO_NEW


async def test_a_store_without_a_schema_is_refused_until_it_is_there(server: SurrealServer) -> None:
    store = surreal_store(server)
    with pytest.raises(Unavailable, match=ABSENT):
        await store.check()
    with pytest.raises(Unavailable, match=ABSENT):
        await store.create(conversation(), None, now=NOW)
    await migrate(server)
    await store.check()
    assert (await store.create(conversation(), None, now=NOW)).new
    await store.close()


async def test_a_schema_that_moves_on_fails_the_check_of_a_connected_store(
    server: SurrealServer, session: Session
) -> None:
    await schema.migrate(session)
    store = surreal_store(server)
    await store.check()
    await schema.migrate(session, NEXT)
    with pytest.raises(Unavailable, match=TOO_NEW):
        await store.check()
    await store.close()


async def test_pages_and_lists_are_read_by_id_range_and_index_up_to_their_limit(session: Session) -> None:
    await schema.migrate(session)
    (page,) = re.findall(r"\((SELECT \* FROM message:\[.+\]\.\.=\[.+\])\)", statements.PAGES)
    numbers = {"found": {"id": "c1"}, "first": 1, "last": 50}
    assert "RecordIdScan" in await session.query(f"EXPLAIN {page}", numbers)
    selects = re.findall(r"SELECT [^()]+ FROM participation[^()]+", statements.LISTING)
    assert len(selects) == statements.LISTING.count("FROM participation") == 3
    values = {"user": "u", "after": "", "active": 7, "finalized": 7, "from": "1:u:1", "until": "1:u:2"}
    for select in selects:
        plan = await session.query("EXPLAIN " + select, values)
        assert re.search(r"IndexScan .*(limit: \$(active|finalized)|access: >'1:u:1' <'1:u:2')", plan)
        assert "Sort" not in plan
        assert "Filter" not in plan


async def command(server: SurrealServer, *arguments: str) -> tuple[int | None, str, str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "functions"),
        "SURREALDB_URL": server.url,
        "SURREALDB_DATABASE": server.database,
        "SURREALDB_USER": USER,
        "SURREALDB_PASSWORD": PASSWORD,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "confab.store", *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_puts_the_schema_in_place_and_says_whether_it_is(server: SurrealServer) -> None:
    code, out, err = await command(server, "check")
    assert (code, out) == (1, "")
    assert ABSENT in err
    assert (await command(server, "migrate"))[:2] == (
        0,
        f"migrated to schema version {VERSION} in {VERSION} steps\n",
    )
    assert (await command(server, "migrate"))[:2] == (0, f"migrated to schema version {VERSION} in 0 steps\n")
    assert await command(server, "check") == (0, f"schema version {VERSION} is in place\n", "")
    gone = server.with_database()
    gone.port = int(closed_port().rpartition(":")[2])
    code, out, err = await command(gone, "check")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1


async def test_the_command_tells_the_version_that_is_there(server: SurrealServer, session: Session) -> None:
    await schema.migrate(session, ADDED)
    later = VERSION + 1
    assert (await command(server, "migrate"))[:2] == (0, f"migrated to schema version {later} in 0 steps\n")
    assert (await command(server, "check"))[:2] == (0, f"schema version {later} is in place\n")
