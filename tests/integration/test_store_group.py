"""Group commit on a real server: the batches of appends, and what each append in them gets."""

import asyncio
import json

import pytest

from confab.domain.errors import Unavailable
from confab.ports.store import Appended
from confab.store import group_commit, statements
from confab.store.connection import Aborted, Connection
from tests.support.samples import NOW, conversation, draft, messages
from tests.support.surrealdb import counted
from tests.support.waiting import until


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of drafts in each transaction."""
    return counted(monkeypatch, statements.APPEND, lambda given: json.loads(given["batch"])["drafts"])


async def at_once(store, *drafts):
    """What each of these appends returns or raises."""
    return await asyncio.gather(*(store.append(one, now=NOW) for one in drafts), return_exceptions=True)


async def contents(store):
    return [message["content"] for message in await messages(store, conversation())]


async def test_a_batch_is_bounded_by_count_and_by_size(store, sizes, monkeypatch):
    bound = group_commit.BATCH_DRAFTS
    await at_once(store, *(draft(str(n)) for n in range(150)))
    assert sizes == [bound, bound, 150 - 2 * bound]
    sizes.clear()
    monkeypatch.setattr(group_commit, "BATCH_CHARACTERS", 1000)
    await at_once(store, *(draft("x" * 400) for _ in range(5)))
    await store.append(draft("x" * 5000), now=NOW)
    assert sizes == [2, 2, 1, 1]


async def test_a_lost_answer_repeats_the_keyed_and_stores_no_other_twice(proxy, store):
    drafts = [draft(str(n), client_message_id=str(n) if n % 2 else None) for n in range(10)]
    proxy.lose_next_answer()
    results = await at_once(store, *drafts)
    assert proxy.lost == 1
    assert {type(result) for result in results[::2]} == {Unavailable}
    assert [(result.message.seq, result.new) for result in results[1::2]] == [
        (n, True) for n in (2, 4, 6, 8, 10)
    ]
    assert await at_once(store, *drafts[1::2]) == [
        Appended(kept.message, new=False) for kept in results[1::2]
    ]
    assert await contents(store) == [str(n) for n in range(10)]


async def test_a_draft_that_the_store_refuses_fails_alone(store):
    """The database checks the types of its fields: a draft past the model fails none beside it."""
    bad = draft("bad").model_copy(update={"role": "nobody"})
    results = await at_once(store, draft("a"), bad, draft("b"))
    assert isinstance(results[1], Unavailable)
    assert await contents(store) == ["a", "b"]


async def test_a_defect_reaches_the_whole_batch_and_not_the_next(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delattr("confab.store.group_commit._settle_stored")
        assert {type(result) for result in await at_once(store, draft("a"), draft("b"))} == {NameError}
    assert (await store.append(draft("kept"), now=NOW)).new


@pytest.fixture
def contended(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Conversations whose transactions all conflict."""
    contended: set[str] = set()
    query = Connection.query

    async def conflicting(self, statement, variables, **options):
        def conflicts() -> bool:
            batch = json.loads(variables["batch"]) if statement == statements.APPEND else {"logs": []}
            return any(one["log"] in contended for one in batch["logs"])

        if conflicts():
            while options["retry_conflicts"] and conflicts():
                await asyncio.sleep(0.01)
            raise Aborted("a conflict")
        return await query(self, statement, variables, **options)

    monkeypatch.setattr(Connection, "query", conflicting)
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


async def test_appends_during_a_retry_are_stored_after_it_and_cancelled_ones_not_at_all(store, contended):
    contended.add("c1")
    first = [asyncio.create_task(store.append(draft(f"a{n}"), now=NOW)) for n in range(3)]
    await asyncio.sleep(0.015)  # the retries have begun
    later = [asyncio.create_task(store.append(draft(f"b{n}"), now=NOW)) for n in range(2)]
    await asyncio.sleep(0)
    first[2].cancel()
    contended.clear()
    await asyncio.gather(*first, *later, return_exceptions=True)
    stored = await contents(store)
    assert stored == sorted(stored)
    assert stored[-2:] == ["b0", "b1"]
    assert "a2" not in stored


async def test_a_repeated_append_costs_the_others_in_its_batch_one_round_trip(store, sizes):
    kept = await store.append(draft("kept", client_message_id="k"), now=NOW)
    sizes.clear()
    first = asyncio.create_task(store.append(draft("first"), now=NOW))
    await until(lambda: sizes)
    again, fresh = await at_once(store, draft("kept", client_message_id="k"), draft("fresh"))
    await first
    assert again == Appended(kept.message, new=False)
    assert (fresh.message.seq, fresh.new) == (3, True)
    assert sizes == [1, 2, 1]
