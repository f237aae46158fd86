"""What every `Store` promises of ranges, heads and lists."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from confab.domain.entries.finalized import Finalized
from confab.domain.entries.message import Message
from confab.domain.models import Metadata, Status, Wire, canonical
from confab.ports.store import Cursor, Store
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


async def test_a_page_begins_after_an_entry_or_ends_before_one_or_at_the_newest(store):
    conversation, empty = await started(store, *"abcdefghijkl"), await started(store)
    for where in ({}, {"after": 0}, {"before": 1}):
        page = await store.page(empty.id, empty.owner, 5, **where)
        assert (page.conversation, [*page.messages]) == (empty, [])
    for where, limit, expected in (
        ({}, 5, "hijkl"),
        ({}, 50, "abcdefghijkl"),
        ({"after": 0}, 3, "abc"),
        ({"after": 8}, 3, "ijk"),
        ({"after": 10}, 99, "kl"),
        ({"after": 12}, 3, ""),
        ({"after": 99}, 3, ""),
        ({"before": 1}, 3, ""),
        ({"before": 2}, 3, "a"),
        ({"before": 5}, 3, "bcd"),
        ({"before": 13}, 2, "kl"),
        ({"before": 99}, 2, "kl"),
        ({"before": 2**53 - 1}, 2, "kl"),
        ({"after": 2**53 - 1}, 2, ""),
    ):
        page = await store.page(conversation.id, conversation.owner, limit, **where)
        assert page.conversation == conversation
        assert "".join(one["content"] for one in page.messages) == expected, where
        assert [one["seq"] for one in page.messages] == ["abcdefghijkl".index(one) + 1 for one in expected]
        more = bool(expected) and (expected[-1] != "l" if "after" in where else expected[0] != "a")
        assert page.has_more == more


async def test_only_the_owner_and_members_are_readers(store):
    conversation = await started(store, "a")
    for reader in (None, conversation.owner, "alice", "eve"):
        found = None if reader == "eve" else conversation
        assert await store.conversation(conversation.id, reader) == found
        both = await store.message(conversation.id, 1, reader)
        assert (both[0], both[1] and both[1].content) == (found, found and "a")


async def test_entries_include_the_finalization_and_pages_do_not(store):
    conversation = await started(store, "a", "b")
    closed = await finalize(store, conversation.id, now=NOW)
    assert [type(entry) for entry in await entries(store, conversation.id, 1, 9)] == [
        Message,
        Message,
        Finalized,
    ]
    assert await entries(store, conversation.id, 3, 3) == [closed.entry]
    assert [entry.seq for entry in await entries(store, conversation.id, 1, 2)] == [1, 2]
    for where in ({}, {"after": 0}, {"before": 9}, {"before": 3}):
        page = await store.page(conversation.id, conversation.owner, 9, **where)
        assert page.conversation == closed.conversation
        assert [m["seq"] for m in page.messages] == [1, 2]
        assert not page.has_more


async def test_only_the_owner_and_members_read_a_page(store):
    conversation = new_conversation(members=("reader", "Reader "))
    await store.create(conversation, None, now=NOW)
    await store.append(draft_for(conversation.id, "hello"), now=NOW)
    readers = (conversation.owner, "reader", "Reader ", "READER", "read", "", "reader\x00")
    pages = await asyncio.gather(*(store.page(conversation.id, reader, 5) for reader in readers))
    assert [page is not None for page in pages] == [True, True, True, False, False, False, False]
    for reader in readers:  # and one by one, in batches without a reader who may
        assert (await store.page(conversation.id, reader, 5) is not None) == (reader in readers[:3])


async def test_a_page_holds_nothing_of_another_conversation(store):
    prefix = fresh()
    for conversation_id in (prefix, prefix + "0", prefix[:-1]):
        created = new_conversation(owner="ann", id=conversation_id)
        await store.create(created, None, now=NOW)
        await store.append(draft_for(conversation_id, conversation_id), now=NOW)
    page = await store.page(prefix, "ann", 100)
    assert [m["content"] for m in page.messages] == [prefix]


@pytest.mark.parametrize("part_ms", [0, 7, 670, 999])
async def test_messages_are_as_clients_see_them(store, part_ms):
    conversation = await started(store)
    at = NOW.replace(microsecond=part_ms * 1000)
    draft = draft_for(conversation.id, "hello", key="k", metadata={"of": [1, None]})
    appended = await store.append(draft, now=at + timedelta(days=1))
    (seen,) = await messages(store, conversation)
    assert seen == appended.message.wire()
    assert seen["createdAt"].endswith(f":05.{part_ms:03}Z")
    assert list(seen) == list(appended.message.wire())


@pytest.mark.parametrize("where", [{"after": 0}, {"after": 7}, {}, {"before": 50}])
async def test_a_page_may_end_where_there_is_enough(store, where):
    conversation = await started(store)
    for n in range(60):
        metadata: Metadata = {"m": "y" * (n * 7 % 50)}
        await store.append(draft_for(conversation.id, "é" * (n * 13 % 90 + 1), metadata=metadata), now=NOW)
    everything = await messages(store, conversation, **where)
    sizes = [len(one["content"]) + len(canonical(one["metadata"])) for one in everything]
    for most in (1, 100, 1_000, sum(sizes) - 1, sum(sizes)):
        found = await messages(store, conversation, max_chars=most, **where)
        near = sizes if "after" in where else sizes[::-1]
        fitting = max(sum(sum(near[: n + 1]) <= most for n in range(len(near))), 1)
        assert found == (everything[:fitting] if "after" in where else everything[-fitting:])


async def test_heads_are_of_those_that_exist(store):
    one, two = await started(store, "a", "b"), await started(store)
    await finalize(store, two.id, now=NOW)
    assert await heads(store, [two.id, fresh(), one.id]) == {one.id: 2, two.id: 1}
    assert await heads(store, []) == {}


def activity(conversation: Wire) -> tuple[float, str]:
    """What a list is sorted by."""
    return -datetime.fromisoformat(conversation["updatedAt"]).timestamp(), conversation["id"]


def cursor(conversation: Wire) -> Cursor:
    return Cursor(datetime.fromisoformat(conversation["updatedAt"]), conversation["id"])


async def ids(
    store: Store, user: str, status: Status | None = None, after: Cursor | None = None, limit: int = 50
) -> list[str]:
    found = await store.conversations(user, status=status, after=after, limit=limit)
    return [conversation["id"] for conversation in found]


async def test_a_user_lists_owned_and_joined_conversations_latest_first(store):
    ann, bob = fresh("ann"), fresh("bob")
    own = await store.create(new_conversation(ann), None, now=NOW)
    shared = new_conversation(bob, members=(ann,), at=NOW + MILLISECOND)
    await store.create(shared, None, now=NOW)
    assert await ids(store, ann) == [shared.id, own.conversation.id]
    assert await ids(store, bob) == [shared.id]
    assert await ids(store, fresh("stranger")) == []
    assert await ids(store, ann[:-1]) == []


async def test_activity_moves_a_conversation_to_the_front_for_everyone_in_it(store):
    users = fresh("ann"), fresh("bob"), fresh("cem")
    old, new = (new_conversation(users[0], members=users[1:], at=NOW + n * MILLISECOND) for n in range(2))
    for conversation in (old, new):
        await store.create(conversation, None, now=NOW)
    for user in users:
        assert await ids(store, user) == [new.id, old.id]
    await store.append(draft_for(old.id), now=NOW + timedelta(seconds=1))
    for user in users:
        assert await ids(store, user) == [old.id, new.id]
    await finalize(store, new.id, now=NOW + timedelta(seconds=2))
    for user in users:
        assert await ids(store, user) == [new.id, old.id]
        assert await ids(store, user, "finalized") == [new.id]
        assert await ids(store, user, "active") == [old.id]


async def paged(store: Store, user: str, status: Status | None, limit: int) -> list[Wire]:
    """The whole list, page by page."""
    found: list[Wire] = []
    after = None
    while page := await store.conversations(user, status=status, after=after, limit=limit):
        found += page
        after = cursor(page[-1])
    return found


@pytest.mark.parametrize("pause_ms", [1, 300, 2_000, 7_000])
async def test_a_list_keeps_the_order_of_activity_at_any_speed(store, pause_ms):
    user, chance = fresh("ann"), random.Random(pause_ms)
    logs = [await started(store, owner=user) for _ in range(12)]
    at = NOW
    for _ in range(60):
        at += timedelta(milliseconds=chance.randrange(2 * pause_ms))
        log = chance.choice(logs)
        if chance.random() < 0.05 and len(logs) > 8:
            logs.remove(log)
            await finalize(store, log.id, now=at)
        else:
            await store.append(draft_for(log.id), now=at)
    everything = await store.conversations(user, status=None, after=None, limit=50)
    assert len(everything) == 12
    assert everything == sorted(everything, key=activity)
    statuses: tuple[Status | None, ...] = (None, "active", "finalized")
    for status, limit in product(statuses, (1, 3, 11)):
        expected = [one for one in everything if status in (None, one["status"])]
        assert await paged(store, user, status, limit) == expected


async def test_a_page_is_full_although_many_have_moved_ahead_since_the_one_before(store):
    user = fresh("ann")
    logs = [await started(store, owner=user, at=NOW + n * MILLISECOND) for n in range(9)]
    for log in logs:
        await store.append(draft_for(log.id), now=NOW + timedelta(seconds=1))
    (first,) = await store.conversations(user, status=None, after=None, limit=1)
    others = [log for log in logs if log.id != first["id"]]
    for log in others[2:]:
        await store.append(draft_for(log.id), now=NOW + timedelta(seconds=2))
    page = await store.conversations(user, status=None, after=cursor(first), limit=2)
    assert [one["id"] for one in page] == sorted(log.id for log in others[:2])


async def test_a_cursor_need_not_name_a_conversation(store):
    user = fresh("ann")
    created = await store.create(new_conversation(user), None, now=NOW)
    found = created.conversation.id
    assert await ids(store, user, after=Cursor(NOW, "")) == [found]
    assert await ids(store, user, after=Cursor(NOW, "~")) == []
    assert await ids(store, user, after=Cursor(NOW + MILLISECOND, "~")) == [found]
    assert await ids(store, user, after=Cursor(NOW - MILLISECOND, "")) == []
    assert await ids(store, user, after=Cursor(datetime(1970, 1, 1, tzinfo=UTC), "")) == []
    assert await ids(store, user, after=Cursor(datetime(9999, 12, 31, tzinfo=UTC), "")) == [found]
