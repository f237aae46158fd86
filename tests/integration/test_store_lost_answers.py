"""The store when it was heard but its answer is lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from confab.domain.errors import Unavailable
from confab.store.surreal import SurrealStore
from tests.support.lost_answers import LosingProxy, losing_proxy
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import SurrealServer, surreal_store


@pytest.fixture
async def proxy(server: SurrealServer) -> AsyncIterator[LosingProxy]:
    async with losing_proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def store(server: SurrealServer, proxy: LosingProxy) -> AsyncIterator[SurrealStore]:
    store = surreal_store(proxy, database=server.database)
    await store.check()
    yield store
    await store.close()


async def test_a_keyed_append_whose_answer_was_lost_is_repeated_and_new(
    proxy: LosingProxy, store: SurrealStore
) -> None:
    await store.create(conversation(), None, now=NOW)
    proxy.lose_next_answer()
    appended = await store.append(draft(client_message_id="k"), now=NOW)
    assert proxy.lost == 1
    assert (appended.message.seq, appended.new) == (1, True)
    again = await store.append(draft(client_message_id="k"), now=NOW)
    assert (again.message, again.new) == (appended.message, False)
    assert await store.heads(["c1"]) == {"c1": 1}


async def test_an_append_without_a_key_whose_answer_was_lost_is_unavailable_and_stored_once(
    proxy: LosingProxy, store: SurrealStore
) -> None:
    await store.create(conversation(), None, now=NOW)
    proxy.lose_next_answer()
    with pytest.raises(Unavailable):
        await store.append(draft(), now=NOW)
    assert proxy.lost == 1
    assert await store.heads(["c1"]) == {"c1": 1}


@pytest.mark.parametrize("key", [None, "key"])
async def test_a_creation_whose_answer_was_lost_is_repeated_and_new(
    proxy: LosingProxy, store: SurrealStore, key: str | None
) -> None:
    proxy.lose_next_answer()
    created = await store.create(conversation(), key, now=NOW)
    assert proxy.lost == 1
    assert created.new
    assert await store.conversations("alice", status=None, after=None, limit=5) == [
        created.conversation.wire()
    ]


async def test_a_finalization_whose_answer_was_lost_is_repeated_and_new(
    proxy: LosingProxy, store: SurrealStore
) -> None:
    await store.create(conversation(), None, now=NOW)
    proxy.lose_next_answer()
    closed = await store.finalize("c1", now=NOW)
    assert proxy.lost == 1
    assert closed.new
    assert not (await store.finalize("c1", now=NOW)).new


async def test_a_lost_connection_does_not_fail_the_reads_that_share_it(
    proxy: LosingProxy, store: SurrealStore
) -> None:
    await store.create(conversation(), None, now=NOW)
    proxy.lose_next_answer()
    found = await asyncio.gather(*(store.conversation("c1") for _ in range(50)))
    assert proxy.lost == 1
    assert all(one is not None and one.id == "c1" for one in found)
