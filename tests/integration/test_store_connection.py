"""The store on a server that is killed or frozen, ends sessions, or whose answers are lost."""

import asyncio
import logging
import time

import pytest

from confab.domain.errors import Unavailable
from confab.store.connection import NO_ANSWER, Connection, Timing
from confab.store.session import NotSent, Session
from tests.support.samples import NOW, conversation, draft, entries, finalize, heads, messages
from tests.support.surrealdb import PASSWORD, surreal_server, surreal_store

IMPATIENT = Timing(attempt=0.4, overall=1.0)


async def test_a_killed_server_loses_nothing_and_is_found_again_by_the_store_alone(tmp_path):
    async with surreal_server(tmp_path) as server:
        store, session = surreal_store(server), await Session.open(server.account())
        await store.create(conversation(), "key", now=NOW)
        stored = [(await store.append(draft(str(n)), now=NOW)).message for n in range(20)]
        await server.kill()
        before = time.monotonic()
        calls = (store.conversation("c1"), store.append(draft(), now=NOW), store.page("c1", "alice", 50))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable] * 3
        assert time.monotonic() - before < 2 * Timing().overall
        await server.start()
        assert await entries(store, "c1", 1, 100) == stored
        assert (await store.append(draft("after"), now=NOW)).message.seq == 21
        with pytest.raises(NotSent):  # a session is opened once
            await session.query("RETURN 1", {})
        assert not session.usable
        await store.close()


async def test_a_frozen_server_is_unavailable_within_the_deadline_and_stores_no_append_twice(server):
    store = surreal_store(server, timing=IMPATIENT)
    await store.create(conversation(), None, now=NOW)
    server.freeze()
    keyed = [store.append(draft(str(n), client_message_id=str(n)), now=NOW) for n in range(200)]
    calls = (store.conversation("c1"), store.check(), store.append(draft("unkeyed"), now=NOW), *keyed)
    async with asyncio.timeout(IMPATIENT.overall + 10):
        results = await asyncio.gather(*calls, return_exceptions=True)
    server.thaw()
    assert {type(result) for result in results} == {Unavailable}
    await asyncio.sleep(0.2)  # the server carries out what it was sent
    assert (await store.append(draft("after"), now=NOW)).new
    contents = [message["content"] for message in await messages(store, conversation())]
    assert len(contents) == len(set(contents))
    await store.close()


async def test_queries_beyond_the_bound_are_unavailable_at_once(server, monkeypatch):
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


@pytest.mark.parametrize("connected", [True, False])
async def test_closing_ends_the_queries_in_flight(server, *, connected):
    store = surreal_store(server)
    if connected:
        await store.check()
    server.freeze()
    query = asyncio.create_task(store.conversation("c1"))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(Timing().attempt):
        await store.close()
        with pytest.raises(Unavailable, match=NO_ANSWER):
            await query


@pytest.mark.parametrize("key", [None, "key"])
async def test_a_creation_and_a_finalization_whose_answers_were_lost_are_repeated_and_new(server, proxy, key):
    store = surreal_store(proxy, database=server.database)
    await store.check()
    proxy.lose_next_answer()
    created = await store.create(conversation(), key, now=NOW)
    listed = await store.conversations("alice", status=None, after=None, limit=5)
    assert (created.new, listed) == (True, [created.conversation.wire()])
    proxy.lose_next_answer()
    assert (await finalize(store, "c1", now=NOW)).new
    assert not (await finalize(store, "c1", now=NOW)).new
    assert proxy.lost == 2
    await store.close()


async def test_a_lost_connection_fails_none_of_the_reads_that_share_it(proxy, store):
    proxy.lose_next_answer()
    found = await asyncio.gather(*(store.conversation("c1") for _ in range(50)))
    assert proxy.lost == 1
    assert all(one is not None and one.id == "c1" for one in found)


async def test_cancelled_callers_disturb_no_others(server):
    store = surreal_store(server)
    creating = [asyncio.create_task(store.create(conversation(), None, now=NOW)) for _ in range(4)]
    await asyncio.sleep(0)
    creating[0].cancel()  # it opens the session
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
    head = (await heads(store, ["c1"]))["c1"]
    assert [m["seq"] for m in await messages(store, conversation())] == list(range(1, head + 1))
    await store.close()


async def test_a_session_is_renewed_before_its_end_and_replaced_after_it(tmp_path, monkeypatch):
    ended: list[Session] = []
    discard = Connection._discard

    def recorded(self: Connection, session: Session) -> None:
        ended.append(session)
        discard(self, session)

    monkeypatch.setattr(Connection, "_discard", recorded)
    async with surreal_server(tmp_path, "--session-seconds", "2") as server:
        store, idle = surreal_store(server, timing=Timing(renewal=0.3)), surreal_store(server)
        await store.create(conversation(), None, now=NOW)
        await idle.check()
        for n in range(1, 33):  # the engine counts whole seconds: two may last three
            assert (await store.append(draft(), now=NOW)).message.seq == n
            await asyncio.sleep(0.1)
        assert ended == []
        assert (await idle.append(draft(), now=NOW)).message.seq == 33
        assert len(ended) == 1
        await store.close()
        await idle.close()


async def test_a_wrong_password_is_unavailable_and_in_no_log(server, caplog):
    store = surreal_store(server, password="not the password")
    with caplog.at_level(logging.DEBUG, "confab"), pytest.raises(Unavailable) as raised:
        await store.check()
    reported = caplog.text + str(raised.value) + str([vars(record) for record in caplog.records])
    assert "NotAllowedError NotAllowed" in reported
    assert "not the password" not in reported
    assert PASSWORD not in repr(server.account())
    await store.close()


async def nothing(_: Session) -> None:
    """Prepares nothing."""


async def test_a_query_that_the_database_refuses_is_unavailable_and_quotes_nothing(server, caplog):
    connection = Connection(server.account(), prepare=nothing)
    with caplog.at_level(logging.DEBUG, "confab"), pytest.raises(Unavailable, match=NO_ANSWER):
        await connection.query("THROW $secret", {"secret": "a word of content"})
    assert len(caplog.records) == 1
    assert "a word of content" not in caplog.text + str(vars(caplog.records[0]))
    await connection.close()
