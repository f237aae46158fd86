"""Groups over a real server: who shares a transaction or a read, and what that does to the others."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from confab.domain.errors import Unavailable
from confab.domain.models import Member
from confab.domain.requests import GetConversation, parse
from confab.ports import Appended
from confab.store import group_commit, statements
from confab.store import reads as shared_reads
from confab.store.connection import Aborted, Connection, Timing
from confab.store.reads import IN_FLIGHT
from confab.store.surreal import SurrealStore
from tests.support.adapters import conversations_over
from tests.support.logs import messages
from tests.support.lost_answers import LosingProxy, losing_proxy
from tests.support.samples import NOW, conversation, draft, principal
from tests.support.surrealdb import SurrealServer, surreal_server, surreal_store


@pytest.fixture
async def proxy(server: SurrealServer) -> AsyncIterator[LosingProxy]:
    async with losing_proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def store(server: SurrealServer, proxy: LosingProxy) -> AsyncIterator[SurrealStore]:
    store = surreal_store(proxy, database=server.database)
    await store.create(conversation(), None, now=NOW)
    yield store
    await store.close()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many drafts each transaction has taken."""
    sizes: list[int] = []
    query = Connection.query

    async def counted(self, statement, variables, **options):
        if statement == statements.APPEND:
            sizes.append(len(json.loads(variables["batch"])["drafts"]))
        return await query(self, statement, variables, **options)

    monkeypatch.setattr(Connection, "query", counted)
    return sizes


async def test_one_goes_at_once_and_those_that_come_meanwhile_go_together(store, sizes):
    first = asyncio.create_task(store.append(draft("first"), now=NOW))
    while not sizes:
        await asyncio.sleep(0)
    await asyncio.gather(first, *(store.append(draft(str(n)), now=NOW) for n in range(50)))
    assert sizes == [1, 50]


async def test_a_group_is_bounded_by_count_and_by_size(store, sizes, monkeypatch):
    await asyncio.gather(*(store.append(draft(str(n)), now=NOW) for n in range(150)))
    assert sizes == [
        group_commit.BATCH_DRAFTS,
        group_commit.BATCH_DRAFTS,
        150 - 2 * group_commit.BATCH_DRAFTS,
    ]
    sizes.clear()
    monkeypatch.setattr(group_commit, "BATCH_CHARACTERS", 1000)
    await asyncio.gather(*(store.append(draft("x" * 400), now=NOW) for _ in range(5)))
    await store.append(draft("x" * 5000), now=NOW)
    assert sizes == [2, 2, 1, 1]


async def test_a_lost_answer_repeats_the_keyed_and_stores_no_other_twice(proxy, store):
    drafts = [draft(str(n), client_message_id=str(n) if n % 2 else None) for n in range(10)]
    proxy.lose_next_answer()
    outcomes = await asyncio.gather(*(store.append(one, now=NOW) for one in drafts), return_exceptions=True)
    assert proxy.lost == 1
    for index, outcome in enumerate(outcomes):
        if index % 2:
            assert isinstance(outcome, Appended)
            assert (outcome.message.seq, outcome.new) == (index + 1, True)
        else:
            assert isinstance(outcome, Unavailable)
    stored = await messages(store, conversation())
    assert [message["content"] for message in stored] == [str(n) for n in range(10)]


async def test_who_gives_up_before_it_is_sent_is_not_stored(proxy, store, sizes):
    proxy.hold_answers()
    first = asyncio.create_task(store.append(draft("first"), now=NOW))
    while not sizes:
        await asyncio.sleep(0)
    given_up = asyncio.create_task(store.append(draft("given up"), now=NOW))
    last = asyncio.create_task(store.append(draft("last"), now=NOW))
    await asyncio.sleep(0)
    given_up.cancel()
    proxy.pass_answers()
    await asyncio.gather(first, last)
    assert [message["content"] for message in await messages(store, conversation())] == ["first", "last"]


async def test_too_many_that_wait_are_refused_at_once(proxy, store, monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_WAITING", 3)
    store = surreal_store(proxy)
    outcomes = await asyncio.gather(
        *(store.append(draft(str(n)), now=NOW) for n in range(5)), return_exceptions=True
    )
    assert [isinstance(outcome, Unavailable) for outcome in outcomes] == [False] * 3 + [True] * 2
    await store.close()


async def test_a_stalled_server_keeps_nobody_beyond_the_deadline(server):
    store = surreal_store(server, timing=Timing(attempt=0.2, overall=0.5))
    await store.create(conversation(), None, now=NOW)
    server.freeze()
    loop = asyncio.get_running_loop()
    before = loop.time()
    outcomes = await asyncio.gather(
        *(store.append(draft(str(n), client_message_id=str(n)), now=NOW) for n in range(200)),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert loop.time() - before < 5
    server.thaw()
    appended = await store.append(draft("after"), now=NOW)
    assert appended.new
    await store.close()


async def test_a_draft_that_the_store_refuses_fails_alone(store, monkeypatch):
    """The database holds its fields to their types; a draft past the model must not take others along."""
    bad = draft("bad").model_copy(update={"role": "nobody"})
    outcomes = await asyncio.gather(
        *(store.append(one, now=NOW) for one in (draft("a"), bad, draft("b"))), return_exceptions=True
    )
    assert isinstance(outcomes[1], Unavailable)
    assert [message["content"] for message in await messages(store, conversation())] == ["a", "b"]


async def test_a_defect_reaches_those_in_the_group_and_the_next_goes_on(store, monkeypatch):
    def broken(*_):
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr("confab.store.group_commit._settle_stored", broken)
        with pytest.raises(RuntimeError, match="a defect"):
            await store.append(draft("lost"), now=NOW)
    assert (await store.append(draft("kept"), now=NOW)).new


async def test_conversations_that_are_contended_are_retried_alone(tmp_path, sizes):
    async with surreal_server(tmp_path, "--concurrency", "8") as server:
        stores = [surreal_store(server) for _ in range(4)]
        ids = [f"c{n}" for n in range(10)]
        for conversation_id in ids:
            await stores[0].create(conversation(conversation_id), None, now=NOW)
        for _ in range(20):
            await asyncio.gather(
                *(store.append(draft(conversation_id=one), now=NOW) for store in stores for one in ids)
            )
        assert await stores[0].heads(ids) == dict.fromkeys(ids, 80)
        assert max(sizes) == 10
        assert sizes.count(1) > 0  # some met
        for store in stores:
            await store.close()


@pytest.fixture
def contended(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The conversations whose every transaction is lost to somebody else's."""
    contended: set[str] = set()
    query = Connection.query

    async def losing(self, statement, variables, **options):
        def lost() -> bool:
            batch = json.loads(variables["batch"]) if statement == statements.APPEND else {"logs": []}
            return any(one["log"] in contended for one in batch["logs"])

        if lost():
            while options["persistent"] and lost():
                await asyncio.sleep(0.01)
            raise Aborted("lost")
        return await query(self, statement, variables, **options)

    monkeypatch.setattr(Connection, "query", losing)
    return contended


async def test_a_conversation_that_is_contended_holds_up_no_other(store, contended):
    await store.create(conversation("c2"), None, now=NOW)
    contended.add("c1")
    held = [asyncio.create_task(store.append(draft(str(n)), now=NOW)) for n in range(3)]
    await asyncio.sleep(0)
    for n in range(5):
        assert (await store.append(draft(conversation_id="c2"), now=NOW)).message.seq == n + 1
    assert not any(one.done() for one in held)
    contended.clear()
    assert [one.message.seq for one in await asyncio.gather(*held)] == [1, 2, 3]


async def test_what_comes_while_a_conversation_is_retried_is_stored_after_it(store, contended):
    contended.add("c1")
    first = [asyncio.create_task(store.append(draft(f"a{n}"), now=NOW)) for n in range(2)]
    await asyncio.sleep(0.015)  # it is apart by now
    later = [asyncio.create_task(store.append(draft(f"b{n}"), now=NOW)) for n in range(2)]
    await asyncio.sleep(0)
    contended.clear()
    await asyncio.gather(*first, *later, return_exceptions=True)
    stored = [message["content"] for message in await messages(store, conversation())]
    assert stored == sorted(stored)
    assert stored[-2:] == ["b0", "b1"]


async def test_who_gives_up_while_a_conversation_is_retried_is_not_stored(store, contended):
    contended.add("c1")
    tasks = [asyncio.create_task(store.append(draft(str(n)), now=NOW)) for n in range(3)]
    await asyncio.sleep(0.015)
    tasks[2].cancel()
    contended.clear()
    await asyncio.gather(*tasks, return_exceptions=True)
    stored = [message["content"] for message in await messages(store, conversation())]
    assert "2" not in stored


async def test_a_repetition_costs_those_beside_it_nothing_but_a_round_trip(store, sizes):
    kept = await store.append(draft("kept", client_message_id="k"), now=NOW)
    sizes.clear()
    first = asyncio.create_task(store.append(draft("first"), now=NOW))
    while not sizes:
        await asyncio.sleep(0)
    again, fresh = await asyncio.gather(
        store.append(draft("kept", client_message_id="k"), now=NOW), store.append(draft("fresh"), now=NOW)
    )
    await first
    assert again == Appended(kept.message, new=False)
    assert (fresh.message.seq, fresh.new) == (3, True)
    assert sizes == [1, 2, 1]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pages each read has brought."""
    reads: list[int] = []
    query = Connection.query

    async def counted(self, statement, variables, **options):
        if statement == statements.PAGES:
            reads.append(len(json.loads(variables["wanted"])))
        return await query(self, statement, variables, **options)

    monkeypatch.setattr(Connection, "query", counted)
    return reads


async def test_pages_that_are_wanted_at_once_are_read_together_and_each_once(store, reads):
    await store.create(conversation("c2"), None, now=NOW)
    for content in ("one", "two"):
        await store.append(draft(content), now=NOW)
    wanted = [
        store.page("c1", "alice", 50),
        store.page("c1", "bob", 50),
        store.page("c2", "alice", 50),
        store.page("none", "alice", 50),
        store.page("c1", "mallory", 50),
        store.page("c1", "alice", 1),
        store.page("c1", "alice", 50, after=1),
    ]
    pages = await asyncio.gather(*wanted)
    assert reads == [5]
    found = [page and (page.conversation.id, [one["content"] for one in page.messages]) for page in pages]
    assert found == [
        ("c1", ["one", "two"]),
        ("c1", ["one", "two"]),
        ("c2", []),
        None,
        None,
        ("c1", ["two"]),
        ("c1", ["two"]),
    ]


async def test_a_thousand_who_join_again_at_once_need_few_reads(store, reads):
    """A container went away: its sockets come back, each from the last entry that it has seen."""
    users = [f"user-{n}" for n in range(5)]
    rooms = [f"room-{n}" for n in range(200)]
    members = tuple(Member(user_id=uid) for uid in users)
    for room in rooms:
        await store.create(conversation(room, members=members), None, now=NOW)
    await asyncio.gather(
        *(store.append(draft(str(n), conversation_id=room), now=NOW) for room in rooms for n in range(8))
    )
    joins = [(room, principal(uid)) for uid in users for room in rooms]
    conversations = conversations_over(store)
    request = parse(GetConversation, {"after": 3}, conversations.limits)
    pages = await asyncio.gather(
        *(conversations.get_conversation(room, request, caller=caller) for room, caller in joins)
    )
    assert len(pages) == 1_000
    for (room, _), page in zip(joins, pages, strict=True):
        assert page.conversation.id == room
        assert [one["seq"] for one in page.messages] == [4, 5, 6, 7, 8]
    assert sum(reads) == len(rooms)
    assert len(reads) <= 60


async def test_a_page_that_is_asked_for_later_is_read_later(store, reads):
    """What was stored before a page was asked for is on it, whoever was asking already."""
    first = asyncio.create_task(store.page("c1", "alice", 50))
    while not reads:
        await asyncio.sleep(0)
    await store.append(draft("one"), now=NOW)
    page = await store.page("c1", "alice", 50)
    assert [message["content"] for message in page.messages] == ["one"]
    await first
    assert reads == [1, 1]


async def test_a_read_of_many_pages_is_bounded_by_their_messages(store, reads, monkeypatch):
    monkeypatch.setattr(shared_reads, "BATCH_ROWS", 100)
    await asyncio.gather(
        *(store.page(f"c{n}", "alice", 40) for n in range(5)), store.page("c1", "alice", 200)
    )
    assert reads == [2, 2, 1, 1]


async def test_a_page_that_the_store_refuses_to_read_fails_alone(store, monkeypatch):
    query = Connection.query

    async def refusing(self, statement, variables, **options):
        if any(one["conversation"] == "bad" for one in json.loads(variables.get("wanted", "[]"))):
            raise Aborted("refused")
        return await query(self, statement, variables, **options)

    monkeypatch.setattr(Connection, "query", refusing)
    await store.append(draft("one"), now=NOW)
    wanted = ("c1", "bad", "none", "c1")
    first, bad, none, again = await asyncio.gather(
        *(store.page(one, "alice", 50) for one in wanted), return_exceptions=True
    )
    assert isinstance(bad, Unavailable)
    assert none is None
    assert first == again == await store.page("c1", "alice", 50)


async def test_who_gives_up_waiting_for_a_page_keeps_nobody_up(proxy, store, reads):
    proxy.hold_answers()
    busy = []
    for n in range(IN_FLIGHT):
        busy.append(asyncio.create_task(store.page("c1", "alice", 50)))
        while len(reads) == n:
            await asyncio.sleep(0)
    given_up = asyncio.create_task(store.page("c2", "alice", 50))
    last = asyncio.create_task(store.page("c1", "alice", 50))
    await asyncio.sleep(0)
    busy[0].cancel()
    given_up.cancel()
    await asyncio.sleep(0)
    proxy.pass_answers()
    assert await last is not None
    assert reads == [1] * (IN_FLIGHT + 1)


async def test_without_a_store_every_reader_gets_unavailable(tmp_path):
    async with surreal_server(tmp_path) as server:
        store = surreal_store(server)
        assert await store.page("c1", "alice", 50) is None
    pages = await asyncio.gather(
        *(store.page(f"c{n}", "alice", 50) for n in range(9)), return_exceptions=True
    )
    await store.close()
    assert all(isinstance(page, Unavailable) for page in pages)
