"""What every `Store` promises of conversations, and of itself."""

import asyncio
import re
from datetime import timedelta

import pytest

from confab.domain.errors import Unavailable
from confab.domain.models import Conversation, Member
from tests.support.samples import MILLISECOND, NOW, draft_for, entries, fresh, new_conversation
from tests.support.twins.store import MemoryStore

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("text", ["\u00e9\U0001f600 \x00", "'; REMOVE TABLE conversation; -- ` ⟩ \\ $auth"])
async def test_a_created_conversation_reads_back_exactly(store, text):
    wanted = Conversation(
        id=fresh(),
        type="support",
        title=f"Refund {text}",
        owner=fresh(text),
        members=(Member(user_id="bob", access="read"), Member(user_id=f"a{text}", access="write")),
        metadata={"plan": None, text: text},
        created_at=NOW,
        updated_at=NOW,
    )
    created = await store.create(wanted, None, now=NOW)
    assert created.new
    assert created.conversation == wanted
    assert await store.conversation(wanted.id) == wanted


async def test_a_pseudonym_is_the_same_in_every_process_and_tells_users_apart(stores):
    for store in stores[:2]:
        await store.check()
    one, same = (store.pseudonym("alice") for store in stores[:2])
    assert one == same != stores[0].pseudonym("alice ")
    assert re.fullmatch("[0-9a-f]{16}", one)


async def test_an_unknown_conversation_is_none(store):
    assert await store.conversation(fresh()) is None
    assert await store.page(fresh(), fresh(), 5) is None
    assert await entries(store, fresh(), 1, 5) == []


async def test_a_key_that_an_owner_repeats_returns_the_first_conversation_as_it_is_now(store):
    first = await store.create(new_conversation("kim"), key := fresh("k"), now=NOW)
    await store.append(draft_for(first.conversation.id), now=NOW)
    other = new_conversation("kim")
    again = await store.create(other, key, now=NOW + timedelta(hours=1))
    assert not again.new
    assert again.conversation.id == first.conversation.id
    assert again.conversation.seq == 1
    assert await store.conversation(other.id) is None
    assert (await store.create(new_conversation("lee"), key, now=NOW)).new


async def test_a_key_is_kept_for_a_day_and_is_free_again_later(store):
    key = fresh("k")
    first = await store.create(new_conversation("kim"), key, now=NOW)
    kept = await store.create(new_conversation("kim"), key, now=NOW + timedelta(hours=24) - MILLISECOND)
    assert kept.conversation.id == first.conversation.id
    later = NOW + timedelta(days=2)
    second = await store.create(new_conversation("kim", at=later), key, now=later)
    assert second.new
    assert second.conversation.id != first.conversation.id
    again = await store.create(new_conversation("kim", at=later), key, now=later + timedelta(hours=1))
    assert again.conversation.id == second.conversation.id
    assert await store.conversation(first.conversation.id) is not None


async def test_ten_creations_with_one_key_at_once_make_one_conversation(stores):
    owner, key = fresh("o"), fresh("k")
    created = await asyncio.gather(
        *(stores[n % len(stores)].create(new_conversation(owner), key, now=NOW) for n in range(10))
    )
    assert len({one.conversation.id for one in created}) == 1
    assert [one.new for one in created].count(True) == 1
    assert len(await stores[0].conversations(owner, status=None, after=None, limit=10)) == 1


async def test_a_sound_store_passes_its_check(store):
    await store.check()


async def test_a_closed_store_is_unavailable(backend):
    store = MemoryStore() if isinstance(backend.connect(), MemoryStore) else backend.connect()
    conversation = new_conversation()
    await store.create(conversation, None, now=NOW)
    await store.close()
    for call in (
        store.conversation(conversation.id),
        store.append(draft_for(conversation.id), now=NOW),
        store.check(),
    ):
        with pytest.raises(Unavailable):
            await call
    await store.close()
