"""The local SurrealDB server, from outside: its command line and its protocol."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest
import websockets
from surrealdb import AsyncWsSurrealConnection, Value
from surrealdb.data.cbor import decode, encode
from surrealdb.errors import NotAllowedError, NotFoundError, ValidationError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from confab.store.session import Session
from confab.store.users import ROLES, definition
from tests.support.samples import NOW, conversation, draft, heads
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, spawn, surreal_server, surreal_store


@asynccontextmanager
async def client(server: SurrealServer) -> AsyncIterator[AsyncWsSurrealConnection]:
    connection = AsyncWsSurrealConnection(server.url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_it_prints_its_address_when_ready_and_ends_cleanly_while_it_is_used(tmp_path):
    async with surreal_server(tmp_path / "data", migrated=False) as server:
        session = await Session.open(server.account())
        assert await server.terminate() == 0
        assert server.log.read_text() == f"ready {server.url}\n"
        session.retire()


async def test_a_failed_start_is_reported_on_one_line(database, tmp_path):
    (tmp_path / "file").touch()
    taken = f"cannot listen on 127.0.0.1:{database.port}: Address already in use"
    for port, path, error in (
        (database.port, tmp_path / "other", taken),
        (0, database.path, "already locked"),
        (0, tmp_path / "file", f"cannot open the data: File exists: {tmp_path / 'file'}"),
    ):
        process = await spawn("--port", str(port), "--path", str(path))
        async with asyncio.timeout(15):
            _, printed = await process.communicate()
        (line,) = printed.decode().splitlines()
        found = (process.returncode, line.startswith("surrealdb server: cannot "), error in line)
        assert found == (1, True, True)


async def test_memory_keeps_nothing_on_disk(tmp_path):
    async with surreal_server(tmp_path / "unused", "--memory"):
        assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:5000", "null", "rebound"])
async def test_a_web_page_is_refused_whatever_its_origin(database, origin):
    """Also after DNS rebinding, where the page's own host name resolves to this machine."""
    host = f"evil.example:{database.port}" if origin == "rebound" else f"127.0.0.1:{database.port}"
    origin = f"http://{host}" if origin == "rebound" else origin
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(
            f"ws://{host}/rpc", subprotocols=[Subprotocol("cbor")], host="127.0.0.1", origin=Origin(origin)
        )
    assert refused.value.response.status_code == 403
    health = urllib.request.Request(f"http://127.0.0.1:{database.port}/health", headers={"Origin": origin})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        await asyncio.to_thread(urllib.request.urlopen, health)


async def test_methods_need_a_sign_in(database):
    async with client(database) as db:
        with pytest.raises(NotAllowedError):
            await db.query("RETURN 1")
        for user, password in ((USER, "wrong"), ("wrong", PASSWORD), ("", "")):
            with pytest.raises(NotAllowedError):
                await db.signin({"username": user, "password": password})
        await db.signin({"username": USER, "password": PASSWORD})
        await db.use("a", "b")
        assert await db.query("RETURN $x; RETURN 2", {"x": "a\x00b"}) == ["a\x00b", 2]
        for unshared in (db.attach(), db.live("t")):
            with pytest.raises(NotFoundError):
                await unshared
        await db.invalidate()
        with pytest.raises(NotAllowedError):
            await db.query("RETURN 1")


async def test_each_connection_works_in_its_own_database(database):
    accounts = [replace(database.account(), namespace=n, database=d) for n in "ab" for d in "xy"]
    sessions = [await Session.open(account) for account in accounts]
    where = "RETURN session::ns() + session::db()"
    for turn in range(5):
        await asyncio.gather(*(one.query("CREATE t CONTENT { n: $n }", {"n": turn}) for one in sessions))
        assert await asyncio.gather(*(one.query(where, {}) for one in sessions)) == ["ax", "ay", "bx", "by"]
    for one in sessions:
        assert len(await one.query("SELECT * FROM t", {})) == 5
        await one.close()


async def test_a_connection_without_a_database_sees_no_data(database):
    session = await Session.open(database.account())
    await session.query("CREATE t:1", {})
    async with client(database) as db:
        await db.signin({"username": USER, "password": PASSWORD})
        with pytest.raises(ValidationError, match="Specify a namespace"):
            await db.query("SELECT * FROM t")
    await session.close()


async def test_users_are_the_engines_own_with_their_roles_and_their_passwords(database):
    session = await Session.open(replace(database.account(), namespace="n", database="d"), define=True)
    for role in ROLES:
        await session.query(definition(role, role, role, level="DATABASE"), {})
    await session.query("CREATE t:1", {})
    account: dict[str, Value] = {"namespace": "n", "database": "d", "username": "viewer"}
    async with client(database) as db:
        for _ in range(2):  # the server knows the token from the second time on
            with pytest.raises(NotAllowedError):
                await db.signin(account | {"password": "viewers"})
            await db.signin(account | {"password": "viewer"})
            await db.use("n", "d")
            assert await db.query("CREATE t:2; SELECT VALUE record::id(id) FROM t") == [[], [1]]
        with pytest.raises(NotAllowedError):
            await db.query("DEFINE TABLE u")
        await db.use("confab", "confab")
        with pytest.raises(NotAllowedError):
            await db.query("INFO FOR DB")
        await session.query(definition("viewer", "another", "viewer", level="DATABASE"), {})
        with pytest.raises(NotAllowedError):
            await db.signin(account | {"password": "viewer"})
    await session.close()


async def test_a_request_in_the_name_of_another_session_runs_in_its_own(database):
    async with client(database) as db, client(database) as stranger:
        await db.signin({"username": USER, "password": PASSWORD})
        await db.use("a", "b")
        (theirs,) = await db.query("RETURN $session.id")
        assert isinstance(theirs, UUID)
        with pytest.raises(NotAllowedError):
            await stranger.query("RETURN 1", session_id=theirs)


@pytest.mark.parametrize("frame", [b"\xff\x00garbage", b"\x01", encode({"no": "method"}), "text"])
async def test_an_invalid_request_ends_its_connection_alone(database, frame):
    async with websockets.connect(f"{database.url}/rpc", subprotocols=[Subprotocol("cbor")]) as socket:
        await socket.send(frame)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    async with websockets.connect(f"{database.url}/rpc", subprotocols=[Subprotocol("cbor")]) as socket:
        await socket.send(encode({"id": "1", "method": "ping", "params": []}))
        assert decode(await socket.recv(decode=False))["id"] == "1"


async def test_a_kill_that_leaves_half_a_record_in_the_log_loses_no_entry(tmp_path):
    async with surreal_server(tmp_path) as server:
        kept = [f"c{number}" for number in range(3)]
        for room in kept:
            store = surreal_store(server)
            await store.create(conversation(room), None, now=NOW)
            for _ in range(5):
                await store.append(draft(conversation_id=room), now=NOW)
            await store.close()
            await server.kill()
            for log in (tmp_path / "wal").iterdir():
                with log.open("ab") as end:
                    end.write(b"\x07half a record")
            await server.start()
        store = surreal_store(server)
        assert await heads(store, kept) == dict.fromkeys(kept, 5)
        await store.close()
