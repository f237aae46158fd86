"""What every `Store` promises of edits, deletions, members and the pages of a log with all kinds."""

import asyncio
import uuid

import pytest

from confab.domain import changes
from confab.domain.errors import (
    ConversationFinalized,
    Forbidden,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
)
from tests.support.changes import ALICE, add, change, delete, edit, edited_to, remove, rename, say, started
from tests.support.samples import NOW

pytestmark = pytest.mark.asyncio(loop_scope="session")


KINDS = [
    "message",
    "conversation_changed",
    "message",
    "message_changed",
    "conversation_changed",
    "message_changed",
    "message",
    "conversation_changed",
    "finalized",
]
MESSAGES = (1, 3, 7)
"""The kinds of the entries of `log_of_all_kinds`, and the numbers of its messages."""


async def log_of_all_kinds(store):
    """The id of a finalized log of nine entries."""
    log = (await started(store)).id
    await say(store, log, "one")
    await change(store, log, lambda c: changes.update(c, ALICE, rename("new")))
    await say(store, log, "two", "bob")
    await edit(store, log, 1, "one, edited")
    await add(store, log, "eve")
    await delete(store, log, 3)
    await say(store, log, "three", "eve", in_reply_to=3)
    await remove(store, log, "eve")
    await change(store, log, lambda c: changes.finalization(c, ALICE))
    return log


async def test_entries_carry_the_state_of_now(store):
    log = await log_of_all_kinds(store)
    whole = await store.log(log, "alice", 50, after=0)
    assert [(e["seq"], e["kind"]) for e in whole.entries] == list(enumerate(KINDS, 1))
    by_number = {e["seq"]: e for e in whole.entries}
    assert by_number[1]["content"] == "one, edited" == by_number[4]["message"]["content"]
    assert (by_number[1]["version"], by_number[3]["version"]) == (4, 6)
    assert (by_number[3]["content"], by_number[3]["deletedAt"] is None) == ("", False)
    assert [by_number[n]["ordinal"] for n in MESSAGES] == [1, 2, 3]
    assert by_number[7]["inReplyTo"] == 3
    assert by_number[5]["changes"] == {"added": ["eve"]}
    assert by_number[8]["changes"] == {"removed": ["eve"]}
    assert by_number[8]["conversation"]["seq"] == 9
    found = await store.conversation(log)
    assert (found.seq, found.message_count, found.title) == (9, 3, "new")
    excerpt = await store.entries(log, 1, 9)
    assert [entry.wire() for entry in excerpt.entries] == list(whole.entries)
    assert "eve" not in excerpt.readers
    assert await store.log(log, "eve", 50, after=0) is None


async def test_a_log_of_all_kinds_reads_the_same_from_every_number(store):
    log = await log_of_all_kinds(store)
    for first in range(1, 10):
        for last in range(first, 11):
            part = await store.entries(log, first, last)
            assert [e.seq for e in part.entries] == list(range(first, min(last, 9) + 1)), (first, last)
    for after in range(10):
        page = await store.page(log, "alice", 2, after=after)
        assert [m["seq"] for m in page.messages] == [n for n in MESSAGES if n > after][:2], after
        assert page.has_more == (len([n for n in MESSAGES if n > after]) > 2)
        for limit in (1, 3, 9):
            part = await store.log(log, "alice", limit, after=after)
            assert [e["seq"] for e in part.entries] == list(range(after + 1, min(after + limit, 9) + 1))
            assert part.has_more == (after + limit < 9)
    for before in range(1, 12):
        page = await store.page(log, "alice", 2, before=before)
        assert [m["seq"] for m in page.messages] == [n for n in MESSAGES if n < before][-2:], before
    for seq in range(11):
        _, message = await store.message(log, seq)
        assert (message and message.seq) == (seq if seq in MESSAGES else None)


async def test_who_may_write_is_decided_where_the_number_is_given(store):
    log = (await started(store)).id
    with pytest.raises(NotFound):
        await say(store, log, author="eve")
    with pytest.raises(Forbidden):
        await say(store, log, author="rita")
    with pytest.raises(Forbidden):
        await say(store, log, author="bob", role="assistant")
    assert (await say(store, log, author="bot", role="assistant", agent=True)).agent
    assert (await say(store, log, author="alice", role="system")).seq == 2
    await remove(store, log, "bob")
    with pytest.raises(NotFound):
        await say(store, log, author="bob")
    with pytest.raises(InvalidRequest, match="inReplyTo"):
        await say(store, log, in_reply_to=3)
    await change(store, log, lambda c: changes.finalization(c, ALICE))
    with pytest.raises(ConversationFinalized):
        await say(store, log)


async def test_a_retry_compares_with_the_body_that_was_first_sent(store):
    log = (await started(store)).id
    first = await say(store, log, "a", client_message_id="k")
    await edit(store, log, first.seq, "b")
    assert (await say(store, log, "a", client_message_id="k")).content == "b"
    await edit(store, log, first.seq, "c")
    assert (await say(store, log, "a", client_message_id="k")).content == "c"
    with pytest.raises(IdempotencyConflict):
        await say(store, log, "c", client_message_id="k")
    await delete(store, log, first.seq)
    for content in ("a", "whatever"):
        again = await say(store, log, content, client_message_id="k")
        assert (again.seq, again.content, again.client_message_id) == (1, "", None)


async def test_a_change_that_was_decided_on_an_older_state_is_not_stored(stores):
    log = (await started(stores[0])).id
    await say(stores[0], log)
    old = await stores[0].conversation(log)
    _, message = await stores[0].message(log, 1)
    stale_edit = changes.edit_message(old, message, ALICE, edited_to("late"))
    renamed = changes.update(old, ALICE, rename("t"))
    done = await asyncio.gather(*(one.change_conversation(renamed, now=NOW) for one in stores))
    assert [one is None for one in done].count(False) == 1
    assert await stores[0].change_message(stale_edit, now=NOW) is None
    found, message = await stores[0].message(log, 1)
    fresh = changes.edit_message(found, message, ALICE, edited_to("now"))
    edited = await asyncio.gather(*(one.change_message(fresh, now=NOW) for one in stores))
    assert [one is None for one in edited].count(False) == 1
    assert (await stores[0].conversation(log)).seq == 3


async def test_lists_follow_members(store):
    log = (await started(store)).id
    user = uuid.uuid4().hex

    async def listed() -> list[str]:
        found = await store.conversations(user, status=None, after=None, limit=9)
        return [one["id"] for one in found]

    assert await listed() == []
    await add(store, log, user)
    assert await listed() == [log]
    await remove(store, log, user)
    assert await listed() == []
    await add(store, log, user)
    await say(store, log, author=user)
    assert await listed() == [log]
    await change(store, log, lambda c: changes.finalization(c, ALICE))
    assert await listed() == [log]


async def test_no_member_s_message_is_numbered_after_their_removal(stores):
    for _ in range(5):
        log = (await started(stores[0])).id

        async def writes(n, log=log):
            try:
                return (await say(stores[n % 8], log, author="bob")).seq
            except NotFound:
                return None

        async def removes(log=log):
            while True:
                found = await remove(stores[7], log, "bob")
                if found is not None:
                    return found.seq

        removed, *numbers = await asyncio.gather(removes(), *(writes(n) for n in range(40)))
        assert all(number < removed for number in numbers if number is not None)
