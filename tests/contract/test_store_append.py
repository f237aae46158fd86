"""What every `Store` promises of a message: its number, its key, its content, also of many at once."""

import asyncio
import math
from datetime import timedelta

import pytest

from confab.domain.entries.message import message_id
from confab.domain.errors import ConversationFinalized, IdempotencyConflict, NotFound
from confab.domain.models import Metadata
from confab.ports.store import Appended, Store
from tests.support.samples import (
    MILLISECOND,
    NOW,
    draft_for,
    entries,
    finalize,
    fresh,
    heads,
    messages,
    new_conversation,
    started,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_messages_are_numbered_from_one_and_move_their_conversation_on(store):
    conversation = await started(store)
    assert conversation.seq == 0
    appended = []
    for seq, after in enumerate((MILLISECOND, 2 * MILLISECOND, timedelta(hours=1)), 1):
        appended.append(await store.append(draft_for(conversation.id), now=NOW + after))
        assert (appended[-1].new, appended[-1].message.seq) == (True, seq)
        assert appended[-1].message.created_at == NOW + after
        moved = conversation.model_copy(update={"seq": seq, "message_count": seq, "updated_at": NOW + after})
        assert await store.conversation(conversation.id) == moved
    assert [one.message.id for one in appended] == [message_id(conversation.id, n) for n in (1, 2, 3)]
    assert await entries(store, conversation.id, 1, 3) == [one.message for one in appended]


async def test_400_appends_at_once_from_several_instances_leave_no_gap_and_no_repeat(stores):
    logs = [await started(stores[0]) for _ in range(5)]
    drafts = [(n, logs[n % 5].id) for n in range(400)]
    results = await asyncio.gather(
        *(stores[n % len(stores)].append(draft_for(log, str(n), key=str(n)), now=NOW) for n, log in drafts)
    )
    assert all(one.new for one in results)
    for log in logs:
        stored = await entries(stores[0], log.id, 1, 1000)
        assert await entries(stores[0], log.id, 1, 80) == stored
        assert [message.seq for message in stored] == list(range(1, 81))
        found = [one.message for one in results if one.message.conversation_id == log.id]
        assert sorted(found, key=lambda message: message.seq) == stored


async def test_a_message_that_looks_like_a_query_is_stored_as_it_is(store):
    conversation, text = await started(store), "'; REMOVE TABLE message; -- ` ⟩ \\ $auth"
    appended = await store.append(draft_for(conversation.id, text, key=text), now=NOW + MILLISECOND)
    assert appended.message.content == text
    assert await entries(store, conversation.id, 1, 9) == [appended.message]


async def test_appending_to_an_unknown_conversation_is_not_found(store):
    with pytest.raises(NotFound):
        await store.append(draft_for(fresh()), now=NOW)


CONTENTS = {
    "plain": "x",
    "nul inside": "a\x00b",
    "nul": "\x00",
    "letters": "\u00e9 e\u0301 \u4f60\u597d",
    "emoji": "\U0001f600\U0001f468\u200d\U0001f469",
    "odd": "\ufeff\u202e\uffff\n\r\t",
    "query text": "$x {} ' \" ; --",
    "a record": "conversation:c1",
    "a time": "2026-01-02T03:04:05Z",
    "JSON": '{"a": [null, 1e400]}',
    "line separators": "\u2028\u2029\x7f",
    "32 KiB": "y" * 32768,
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
async def test_content_reads_back_exactly(store, content):
    author = fresh("\x00 ann")
    conversation = await started(store, owner=author)
    key = "k ~!'\""
    appended = await store.append(draft_for(conversation.id, content, key=key, author=author), now=NOW)
    assert appended.message.content == content
    (read,) = await messages(store, conversation)
    assert read == appended.message.wire()
    assert (read["clientMessageId"], read["author"]) == (key, author)
    assert await entries(store, conversation.id, 1, 1) == [appended.message]


async def test_metadata_reads_back_exactly(store):
    metadata: Metadata = {
        "": None,
        "id": "not a record",
        "in": {"nested": [1, 1.0, True, None, "\x00", {"": []}]},
        "big": 2**63 + 1,
        "tiny": 5e-324,
        "exact": math.pi,
        "whole": 1.0,
        "datetime": "2026-01-02T03:04:05Z",
        "$or.a b": "\U0001f600",
    }
    conversation = new_conversation(metadata=metadata)
    await store.create(conversation, None, now=NOW)
    await store.append(draft_for(conversation.id, metadata=metadata), now=NOW)
    page = await store.page(conversation.id, conversation.owner, 1)
    for read in (page.conversation.metadata, page.messages[0]["metadata"]):
        assert read == metadata
        assert type(read["whole"]) is float
        assert type(read["big"]) is int


async def test_client_message_ids_belong_to_author_and_conversation(store):
    one, other = await started(store), await started(store)
    assert (await store.append(draft_for(one.id, key="k"), now=NOW)).new
    assert (await store.append(draft_for(one.id, key="k", author=one.owner), now=NOW)).new
    assert (await store.append(draft_for(other.id, key="k"), now=NOW)).new


async def test_ten_appends_with_one_client_message_id_at_once_store_one_message(stores):
    conversation = await started(stores[0])
    appended = await asyncio.gather(
        *(stores[n % 8].append(draft_for(conversation.id, key="k"), now=NOW) for n in range(10))
    )
    assert [one.new for one in appended].count(True) == 1
    assert await heads(stores[0], [conversation.id]) == {conversation.id: 1}


async def at_once(store: Store, *drafts):
    """What becomes of each of these drafts, an error or what was stored."""
    return await asyncio.gather(*(store.append(one, now=NOW) for one in drafts), return_exceptions=True)


async def test_each_draft_has_an_outcome_of_its_own(store):
    open_log, closed_log = await started(store), await started(store)
    first = await store.append(draft_for(open_log.id, "first", key="key"), now=NOW)
    kept = await store.append(draft_for(closed_log.id, "kept", key="key"), now=NOW)
    await finalize(store, closed_log.id, now=NOW)
    results = await at_once(
        store,
        draft_for(open_log.id, "a"),
        draft_for(fresh("unknown"), "b"),
        draft_for(closed_log.id, "c"),
        draft_for(open_log.id, "other words", key="key"),
        draft_for(closed_log.id, "kept", key="key"),
        draft_for(open_log.id, "d", key="another key"),
    )
    assert isinstance(results[0], Appended)
    assert (results[0].message.seq, results[0].message.content) == (2, "a")
    assert isinstance(results[1], NotFound)
    assert isinstance(results[2], ConversationFinalized)
    assert isinstance(results[3], IdempotencyConflict)
    assert results[4] == Appended(kept.message, new=False)
    assert isinstance(results[5], Appended)
    assert (results[5].message.seq, results[5].new) == (3, True)
    stored = await messages(store, open_log)
    assert stored == [one.message.wire() for one in (first, results[0], results[5])]
    assert await heads(store, [open_log.id, closed_log.id]) == {open_log.id: 3, closed_log.id: 2}


async def test_drafts_of_one_caller_are_numbered_in_their_order(store):
    logs = [await started(store) for _ in range(3)]
    results = await at_once(
        store,
        *(draft_for(logs[n % 3].id, str(n), key=str(n) if n % 2 else None) for n in range(300)),
    )
    for index, log in enumerate(logs):
        mine = [results[n].message for n in range(index, 300, 3)]
        assert [message.seq for message in mine] == list(range(1, 101))
        assert await messages(store, log) == [message.wire() for message in mine]


async def test_times_of_a_log_do_not_run_backwards_when_a_clock_does(store):
    log = await started(store)
    steps = [0, 5, 3, 9, 1]
    appended = await asyncio.gather(
        *(store.append(draft_for(log.id), now=NOW + timedelta(seconds=step)) for step in steps)
    )
    assert [one.message.created_at for one in appended] == [
        NOW + timedelta(seconds=step) for step in (0, 5, 5, 9, 9)
    ]
    assert await entries(store, log.id, 1, 5) == [one.message for one in appended]
    late = await store.append(draft_for(log.id), now=NOW - timedelta(days=1))
    assert late.message.created_at == NOW + timedelta(seconds=9)
    closed = await finalize(store, log.id, now=NOW)
    assert closed.entry.finalized_at == closed.conversation.updated_at == NOW + timedelta(seconds=9)


async def test_a_list_shows_logs_that_were_written_at_once(store):
    owner = fresh("owner")
    logs = [await started(store, owner=owner) for _ in range(3)]
    await asyncio.gather(
        *(
            store.append(draft_for(log.id), now=NOW + timedelta(minutes=minute))
            for log, minute in zip(logs, (2, 3, 1), strict=True)
        )
    )
    listed = await store.conversations(owner, status=None, after=None, limit=10)
    assert [one["id"] for one in listed] == [logs[1].id, logs[0].id, logs[2].id]
