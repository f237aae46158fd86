"""What every `Store` promises of concurrent appends: a result each, as if they arrived one by one."""

import asyncio
from datetime import timedelta

import pytest

from confab.domain.errors import ConversationFinalized, IdempotencyConflict, NotFound
from confab.ports.store import Appended, Store
from tests.support.samples import NOW, draft_for, entries, finalize, fresh, heads, messages, started

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
