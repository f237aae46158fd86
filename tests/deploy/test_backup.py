"""A store exported, emptied and imported is the same store, and its conversations go on."""

import asyncio
import gzip
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from confab.domain.errors import ConversationFinalized
from confab.ports import Store
from confab.store import records, schema
from confab.store.connection import Connection
from confab.store.session import Session
from infra.backup import walk
from tests.support.inherited import inherited
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, migrate, surreal_server, surreal_store

ROOT = Path(__file__).parents[2]


@dataclass
class Done:
    code: int | None
    out: str
    err: str


async def backup(server: SurrealServer, *arguments: str, database: str = "confab") -> Done:
    """The command as an operator runs it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.backup",
        *arguments,
        cwd=ROOT,
        env={
            **inherited(measured=False),
            "PYTHONPATH": "functions",
            "SURREALDB_URL": server.url,
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            "SURREALDB_DATABASE": database,
        },
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return Done(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SurrealServer]:
    async with surreal_server(tmp_path / "db") as server:
        yield server


@pytest.fixture
async def opened(server: SurrealServer) -> AsyncIterator[Callable[..., Store]]:
    stores: list[Store] = []

    def opening(database: str = "confab") -> Store:
        stores.append(surreal_store(server, database=database))
        return stores[-1]

    yield opening
    for store in stores:
        await store.close()


async def fill(store: Store) -> None:
    """Conversations long and short, open and closed, with and without keys, and awkward content."""
    for name in ("empty", "long", "closed", "closed-empty", "odd"):
        await store.create(conversation(name, title=f"The {name} one"), f"key-{name}", now=NOW)
    for number in range(walk.ROWS_PER_PAGE + 5):
        key = f"m{number}" if number % 2 else None
        await store.append(
            draft(f"{number}", conversation_id="long", client_message_id=key, author="bob"), now=NOW
        )
    await store.append(draft("last words", conversation_id="closed", client_message_id="c"), now=NOW)
    await store.finalize("closed", now=NOW)
    await store.finalize("closed-empty", now=NOW)
    metadata = {"$at": "now", "big": 12345678901234567890, "nothing": None, "é": ["\u2028", 0.1]}
    await store.append(draft('"\n\u0000\u2028 \\ 👋', conversation_id="odd", metadata=metadata), now=NOW)


async def emptied(server: SurrealServer) -> None:
    session = await Session.open(server.account())
    await session.query("REMOVE DATABASE confab", {})
    await session.close()
    await migrate(server)


NOTED = """SELECT *, conversation.finalized_at ?? conversation.listed_at ?? conversation.created_at AS at
    FROM participation"""


async def misplaced(server: SurrealServer, database: str) -> list[object]:
    """The places in users' lists that are not where their conversations' records say."""
    session = await Session.open(server.account(database))
    rows = await session.query(NOTED, {})
    await session.close()
    assert rows
    return [row for row in rows if row["place"] != records.place(row["at"], row["conversation"].id)]


async def test_what_is_exported_and_imported_is_the_same_store(server, opened, tmp_path):
    store, file = opened(), tmp_path / "a.backup"
    await fill(store)
    before = await backup(server, "digest")
    assert (before.code, before.err) == (0, "")
    exported = await backup(server, "export", str(file))
    assert (exported.code, exported.out) == (0, before.out)
    assert file.stat().st_mode & 0o777 == 0o600
    seen = [await store.newest(name, 500) for name in ("empty", "long", "closed", "closed-empty", "odd")]
    await emptied(server)
    assert (await backup(server, "digest")).out != before.out
    assert (await backup(server, "import", str(file))).out == before.out
    assert (await backup(server, "digest")).out == before.out
    assert (await backup(server, "digest", str(file))).out == before.out
    again = opened()
    assert [await again.newest(one.id, 500) for one, _ in seen] == seen
    assert await again.conversations("rita", status=None, behind=None, limit=9) == await store.conversations(
        "rita", status=None, behind=None, limit=9
    )


@pytest.mark.parametrize(
    ("statement", "behind"), [(walk.CREATED_IDS, ["u", "k"]), (walk.CONVERSATION_IDS, "c")]
)
async def test_a_page_of_ids_is_read_from_where_it_begins(server, statement, behind):
    session = await Session.open(server.account())
    plan = await session.query(f"EXPLAIN {statement}", {"behind": behind, "limit": 10})
    await session.close()
    assert "source: type::record(...), limit: $limit" in plan
    assert "TableScan" not in plan


async def test_ids_are_read_page_by_page_without_a_gap_or_a_repeat(server, opened, monkeypatch):
    monkeypatch.setattr(walk, "IDS_PER_PAGE", 2)
    store = opened()
    await fill(store)
    connection = Connection(server.account(), prepare=schema.require)
    found = [row.id async for row in walk.rows(connection) if row.table in ("conversation", "created")]
    await connection.close()
    names = {"empty", "long", "closed", "closed-empty", "odd"}
    assert sorted(map(str, found)) == sorted([*names, *(str(["alice", f"key-{name}"]) for name in names)])


async def test_restored_conversations_go_on_where_they_were(server, opened, tmp_path):
    store, file = opened(), tmp_path / "a.backup"
    await fill(store)
    first = await store.append(draft("once", conversation_id="odd", client_message_id="key"), now=NOW)
    assert (await backup(server, "export", str(file))).code == 0
    await emptied(server)
    assert (await backup(server, "import", str(file))).code == 0
    store = opened()
    again = await store.append(draft("once", conversation_id="odd", client_message_id="key"), now=NOW)
    assert (again.new, again.message) == (False, first.message)
    after = await store.append(draft("next", conversation_id="odd"), now=NOW)
    assert after.message.seq == first.message.seq + 1
    with pytest.raises(ConversationFinalized):
        await store.append(draft(conversation_id="closed"), now=NOW)
    late = await store.append(draft("last words", conversation_id="closed", client_message_id="c"), now=NOW)
    assert (late.new, late.message.seq) == (False, 1)
    made = await store.create(conversation("another", title="The long one"), "key-long", now=NOW)
    assert (made.new, made.conversation.id) == (False, "long")
    assert not (await store.finalize("closed", now=NOW)).new


async def test_a_backup_of_a_store_in_use_has_no_gap_and_nothing_half(server, opened, tmp_path):
    store, file = opened(), tmp_path / "a.backup"
    for number in range(40):
        await store.create(conversation(f"c{number}"), f"k{number}", now=NOW)
    stop = asyncio.Event()

    async def write(lane: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            target = f"c{(turn * 7 + lane) % 40}"
            now = NOW + timedelta(milliseconds=turn)
            await store.append(
                draft("x", conversation_id=target, client_message_id=f"{lane}-{turn}"), now=now
            )
            if turn % 50 == 0:
                await store.create(conversation(f"n{lane}-{turn}"), f"{lane}-{turn}", now=NOW)

    async with asyncio.TaskGroup() as writers:
        for lane in range(8):
            writers.create_task(write(lane))
        await asyncio.sleep(0.5)
        exported = await backup(server, "export", str(file))
        stop.set()
    assert exported.code == 0, exported.err
    await migrate(server, "other")
    restored = await backup(server, "import", str(file), database="other")
    assert (restored.code, restored.out) == (0, exported.out), restored.err
    other = opened("other")
    assert await misplaced(server, "other") == []
    for number in range(40):
        found = await other.newest(f"c{number}", 10_000)
        original = await store.newest(f"c{number}", 10_000)
        assert [message["seq"] for message in found[1]] == list(range(1, found[0].seq + 1))
        assert found[1] == original[1][: len(found[1])]
        appended = await other.append(draft(conversation_id=f"c{number}"), now=NOW)
        assert appended.message.seq == found[0].seq + 1
        assert appended.new


async def test_a_store_that_is_not_empty_is_left_as_it_is(server, opened, tmp_path):
    store, file = opened(), tmp_path / "a.backup"
    await store.create(conversation("one"), None, now=NOW)
    assert (await backup(server, "export", str(file))).code == 0
    await store.append(draft(conversation_id="one"), now=NOW)
    refused = await backup(server, "import", str(file))
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "infra.backup: the store is not empty: it has rows in conversation\n"
    assert (await store.heads(["one"])) == {"one": 1}
    mixed = await backup(server, "import", str(file), "--resume")
    assert mixed.code == 1
    assert "does not hold what" in mixed.err
    assert (await store.heads(["one"])) == {"one": 1}


async def test_an_import_that_broke_off_goes_on(server, opened, tmp_path):
    store, file = opened(), tmp_path / "a.backup"
    await fill(store)
    exported = await backup(server, "export", str(file))
    session = await Session.open(server.account())
    await session.query("DELETE message:['long', 7]..", {})
    await session.query("DELETE sent WHERE seq > 3", {})
    await session.close()
    damaged = await backup(server, "digest")
    assert (damaged.code, damaged.out) == (1, "")
    assert "the store is damaged: it has no message:['long', 7]" in damaged.err
    assert (await backup(server, "import", str(file))).code == 1
    resumed = await backup(server, "import", str(file), "--resume")
    assert (resumed.code, resumed.out) == (0, exported.out)


def header_of(file: Path, **changed: object) -> bytes:
    header, _, rest = gzip.decompress(file.read_bytes()).partition(b"\n")
    return gzip.compress(json.dumps(json.loads(header) | changed).encode() + b"\n" + rest)


@pytest.mark.parametrize("damage", ["cut", "bits", "row", "schema", "other", "longer"])
async def test_a_file_that_is_not_a_whole_backup_of_this_schema_changes_nothing(
    server, opened, tmp_path, damage
):
    store, file = opened(), tmp_path / "a.backup"
    await fill(store)
    assert (await backup(server, "export", str(file))).code == 0
    await emptied(server)
    data, text = file.read_bytes(), gzip.decompress(file.read_bytes())
    file.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "bits": data[:-20] + bytes(20),
            "row": gzip.compress(text.replace(b"last words", b"lost words")),
            "schema": header_of(file, schema=99),
            "other": gzip.compress(b"{}\n"),
            "longer": gzip.compress(text + b'["message",["c",1],{}]\n'),
        }[damage]
    )
    refused = await backup(server, "import", str(file))
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"infra.backup: {file}")
    assert len(refused.err.splitlines()) == 1
    assert ("version 99" in refused.err) == (damage == "schema")
    assert " 0 " in (await backup(server, "digest")).out.splitlines()[0]


async def test_an_existing_file_is_not_written_over(server, tmp_path):
    file = tmp_path / "a.backup"
    file.write_text("precious")
    refused = await backup(server, "export", str(file))
    assert (refused.code, refused.err) == (1, f"infra.backup: {file} exists already\n")
    assert file.read_text() == "precious"


async def test_a_store_without_the_schema_is_refused_and_no_file_is_left(server, tmp_path):
    file = tmp_path / "a.backup"
    refused = await backup(server, "export", str(file), database="nothing")
    assert refused.code == 1
    assert "schema" in refused.err
    assert list(tmp_path.glob("a.backup*")) == []


async def test_a_store_that_is_away_is_said_in_one_line(server, tmp_path):
    await server.stop()
    refused = await backup(server, "digest")
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 1
