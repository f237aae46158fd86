"""The store on a server that dies, stalls, forgets, and loses answers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from confab.domain.errors import Unavailable
from confab.store.connection import NO_ANSWER, Connection, Timing
from confab.store.session import NotSent, Session, is_conflict
from confab.store.surreal import SurrealStore
from tests.support.logs import messages
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import PASSWORD, SurrealServer, surreal_server, surreal_store

IMPATIENT = Timing(attempt=0.4, overall=1.0)


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[SurrealServer]:
    """A server that may be killed."""
    async with surreal_server(tmp_path) as server:
        yield server


@pytest.fixture
async def store(server: SurrealServer) -> AsyncIterator[SurrealStore]:
    store = surreal_store(server)
    yield store
    await store.close()


async def test_what_was_stored_survives_a_killed_server_and_the_store_finds_it_again(
    mortal: SurrealServer,
) -> None:
    store = surreal_store(mortal)
    await store.create(conversation(), "key", now=NOW)
    stored = [(await store.append(draft(str(n)), now=NOW)).message for n in range(20)]
    await mortal.restart()
    assert await store.entries("c1", 1, 100) == stored
    assert (await store.append(draft("after"), now=NOW)).message.seq == 21
    await store.close()


async def test_a_store_that_is_down_is_unavailable_at_once_and_usable_when_it_is_back(
    mortal: SurrealServer,
) -> None:
    store = surreal_store(mortal)
    await store.create(conversation(), None, now=NOW)
    await mortal.kill()
    before = time.monotonic()
    with pytest.raises(Unavailable, match=NO_ANSWER):
        await store.conversation("c1")
    with pytest.raises(Unavailable, match=NO_ANSWER):
        await store.append(draft(), now=NOW)
    assert time.monotonic() - before < 2 * Timing().overall
    await mortal.start()
    assert (await store.append(draft(), now=NOW)).message.seq == 1
    await store.close()


async def test_a_stalled_server_is_unavailable_within_the_deadline_and_heals(server: SurrealServer) -> None:
    store = surreal_store(server, timing=IMPATIENT)
    await store.create(conversation(), None, now=NOW)
    server.freeze()
    try:
        async with asyncio.timeout(IMPATIENT.overall + 1):
            answers = await asyncio.gather(
                store.conversation("c1"),
                store.append(draft(), now=NOW),
                store.check(),
                return_exceptions=True,
            )
    finally:
        server.thaw()
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert await store.conversation("c1") is not None
    await store.close()


async def test_an_append_without_a_key_is_not_sent_twice_to_a_server_that_stalled(
    server: SurrealServer,
) -> None:
    store = surreal_store(server, timing=IMPATIENT)
    await store.create(conversation(), None, now=NOW)
    server.freeze()
    with pytest.raises(Unavailable):
        await store.append(draft(), now=NOW)
    server.thaw()
    await asyncio.sleep(0.2)  # the server works off what it was sent
    assert (await store.heads(["c1"]))["c1"] <= 1
    await store.close()


async def test_queries_beyond_the_bound_are_refused_at_once(
    server: SurrealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confab.store.connection.MAX_WAITING", 2)
    store = surreal_store(server, timing=Timing(attempt=30, overall=30))
    await store.check()
    server.freeze()
    waiting = [asyncio.create_task(store.check()) for _ in range(2)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match=NO_ANSWER):
            await store.check()
    server.thaw()
    await asyncio.gather(*waiting)
    await store.check()
    await store.close()


async def test_closing_ends_the_queries_that_wait(server: SurrealServer) -> None:
    store = surreal_store(server)
    await store.check()
    server.freeze()
    waiting = asyncio.create_task(store.conversation("c1"))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(Timing().attempt):
        await store.close()
        with pytest.raises(Unavailable, match=NO_ANSWER):
            await waiting


async def test_closing_ends_the_queries_that_wait_for_a_session(server: SurrealServer) -> None:
    store = surreal_store(server)
    server.freeze()
    waiting = asyncio.create_task(store.conversation("c1"))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(Timing().attempt):
        await store.close()
        with pytest.raises(Unavailable, match=NO_ANSWER):
            await waiting


async def test_a_session_whose_socket_is_gone_sends_nothing_and_does_not_reconnect(
    mortal: SurrealServer,
) -> None:
    session = await Session.open(mortal.account())
    await mortal.restart()
    with pytest.raises(NotSent):
        await session.query("RETURN 1", {})
    assert not session.usable


async def test_callers_that_give_up_leave_the_others_undisturbed(server: SurrealServer) -> None:
    store = surreal_store(server)
    creating = [asyncio.create_task(store.create(conversation(), None, now=NOW)) for _ in range(4)]
    await asyncio.sleep(0)
    creating[0].cancel()  # it is the one that made the session be opened
    await asyncio.wait(creating)
    assert [task.cancelled() for task in creating] == [True, False, False, False]

    appends = [asyncio.create_task(store.append(draft(client_message_id=str(n)), now=NOW)) for n in range(60)]
    for turn in range(3):
        await asyncio.sleep(0)
        for task in appends[turn::6]:
            task.cancel()
    done = await asyncio.gather(*appends, return_exceptions=True)
    kept = [one for one in done if not isinstance(one, BaseException)]
    assert len(kept) >= 30
    assert {type(one) for one in done if isinstance(one, BaseException)} == {asyncio.CancelledError}
    head = (await store.heads(["c1"]))["c1"]
    assert [m["seq"] for m in await messages(store, conversation())] == list(range(1, head + 1))
    await store.close()


async def test_a_session_is_renewed_before_the_server_ends_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with surreal_server(tmp_path, "--session-seconds", "1") as server:
        store = surreal_store(server, timing=Timing(renewal=0.3))
        await store.create(conversation(), None, now=NOW)
        with caplog.at_level(logging.DEBUG, "confab.store"):
            for n in range(1, 21):
                assert (await store.append(draft(), now=NOW)).message.seq == n
                await asyncio.sleep(0.1)
        assert caplog.records == []
        await store.close()


async def test_a_session_that_the_server_ended_is_replaced_and_the_query_repeated(tmp_path: Path) -> None:
    async with surreal_server(tmp_path, "--session-seconds", "0.5") as server:
        store = surreal_store(server)
        await store.create(conversation(), None, now=NOW)
        await asyncio.sleep(0.7)
        assert (await store.append(draft(), now=NOW)).message.seq == 1
        await store.close()


async def test_a_wrong_password_is_unavailable_and_in_no_log(
    server: SurrealServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = surreal_store(server, password="not the password")
    with caplog.at_level(logging.DEBUG, "confab"), pytest.raises(Unavailable) as raised:
        await store.check()
    told = caplog.text + str(raised.value) + str([vars(record) for record in caplog.records])
    assert "NotAllowedError NotAllowed" in told
    assert "not the password" not in told
    assert PASSWORD not in repr(server.account())
    await store.close()


async def nothing(_: Session) -> None:
    """Prepare nothing."""


async def test_transactions_that_conflict_are_repeated_until_each_is_done(tmp_path: Path) -> None:
    async with surreal_server(tmp_path, "--concurrency", "8") as server:
        async with asyncio.TaskGroup() as group:
            opening = [group.create_task(Session.open(server.account())) for _ in range(8)]
        sessions = [task.result() for task in opening]
        connections = [Connection(server.account(), prepare=nothing) for _ in range(8)]
        add = "UPSERT ONLY counter:one SET n = (n ?? 0) + 1 RETURN AFTER"
        await sessions[0].query("DEFINE TABLE counter SCHEMALESS", {})

        bare = await asyncio.gather(*(one.query(add, {}) for one in sessions * 20), return_exceptions=True)
        conflicts = [one for one in bare if isinstance(one, Exception)]
        assert conflicts, "these transactions were meant to meet"
        assert [repr(one) for one in conflicts if not is_conflict(one)] == []

        await asyncio.gather(*(one.query(add, {}, repeatable=False) for one in connections * 20))
        counted = await sessions[0].query("SELECT VALUE n FROM ONLY counter:one", {})
        assert counted == 2 * 160 - len(conflicts)
        await asyncio.gather(*(one.close() for one in sessions), *(one.close() for one in connections))


async def test_a_query_that_the_database_refuses_is_unavailable_and_quotes_nothing(
    server: SurrealServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection(server.account(), prepare=nothing)
    with caplog.at_level(logging.DEBUG, "confab"), pytest.raises(Unavailable, match=NO_ANSWER):
        await connection.query("THROW $secret", {"secret": "a word of content"})
    assert "a word of content" not in caplog.text
    await connection.close()
