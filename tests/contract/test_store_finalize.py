"""What every `Store` promises of the end of a log."""

import asyncio
from datetime import timedelta

import pytest

from confab.domain.entries.finalized import Finalized
from confab.domain.errors import ConversationFinalized, NotFound
from tests.support.samples import NOW, draft_for, entries, finalize, fresh, started

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_finalizing_takes_the_last_number_and_again_changes_nothing(store):
    conversation = await started(store, "a", "b")
    at = NOW + timedelta(seconds=1)
    closed = await finalize(store, conversation.id, now=at)
    assert closed.new
    assert closed.entry == Finalized(conversation_id=conversation.id, seq=3, finalized_at=at)
    assert closed.conversation == conversation.model_copy(
        update={"status": "finalized", "seq": 3, "updated_at": at, "finalized_at": at, "revision": 1}
    )
    assert await finalize(store, conversation.id, now=NOW + timedelta(days=1)) == closed._replace(new=False)
    assert await store.conversation(conversation.id) == closed.conversation


async def test_ten_finalizations_at_once_are_one(stores):
    conversation = await started(stores[0])
    closed = await asyncio.gather(*(finalize(stores[n % 8], conversation.id, now=NOW) for n in range(10)))
    assert [one.new for one in closed].count(True) == 1
    assert {one.entry.seq for one in closed} == {1}


async def test_finalizing_an_unknown_conversation_is_not_found(store):
    with pytest.raises(NotFound):
        await finalize(store, fresh(), now=NOW)


async def test_appends_that_race_a_finalization_come_before_it_or_are_refused(stores):
    conversation = await started(stores[0])
    first = asyncio.Event()

    async def append(n):
        try:
            appended = await stores[n % 8].append(draft_for(conversation.id, str(n)), now=NOW)
        except ConversationFinalized:
            return None
        first.set()
        return appended.message.seq

    async def close():
        await first.wait()
        return (await finalize(stores[7], conversation.id, now=NOW)).entry.seq

    finalizing = asyncio.create_task(close())
    numbers = await asyncio.gather(*(append(n) for n in range(60)))
    last = await finalizing
    stored = sorted(n for n in numbers if n is not None)
    assert stored == list(range(1, last))
    log = await entries(stores[0], conversation.id, 1, 1000)
    assert [entry.seq for entry in log] == list(range(1, last + 1))
    assert isinstance(log[-1], Finalized)
