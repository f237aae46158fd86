"""What every `Store` promises of ranges, heads and lists."""

import random
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from confab.domain.models import Conversation, Finalized, Message, Metadata, Status, canonical
from confab.ports import End, Place, Store
from tests.support.logs import MILLISECOND, draft_for, fresh, new_conversation, started
from tests.support.samples import NOW

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_ranges_hold_both_ends_ascending(store: Store) -> None:
    conversation = await started(store, *"abcdefghijkl")
    assert [m["content"] for m in await store.messages(conversation.id, 9, 11)] == ["i", "j", "k"]
    assert [m["seq"] for m in await store.messages(conversation.id, 11, 99)] == [11, 12]
    assert await store.messages(conversation.id, 13, 20) == []
    assert await store.messages(conversation.id, 5, 4) == []
    assert [m["seq"] for m in await store.messages(conversation.id, 0, 2)] == [1, 2]


async def test_entries_hold_the_finalization_and_messages_do_not(store: Store) -> None:
    conversation = await started(store, "a", "b")
    closed = await store.finalize(conversation.id, now=NOW)
    assert [type(entry) for entry in await store.entries(conversation.id, 1, 9)] == [
        Message,
        Message,
        Finalized,
    ]
    assert await store.entries(conversation.id, 3, 3) == [closed.entry]
    assert [entry.seq for entry in await store.entries(conversation.id, 1, 2)] == [1, 2]
    assert [m["seq"] for m in await store.messages(conversation.id, 1, 9)] == [1, 2]


async def test_a_range_holds_nothing_of_another_conversation(store: Store) -> None:
    prefix = fresh()
    for conversation_id in (prefix, prefix + "0", prefix[:-1]):
        await store.create(new_conversation(conversation_id=conversation_id), None, now=NOW)
        await store.append(draft_for(conversation_id, conversation_id), now=NOW)
    assert [m["content"] for m in await store.messages(prefix, 1, 100)] == [prefix]


@pytest.mark.parametrize("part_ms", [0, 7, 670, 999])
async def test_messages_are_as_clients_see_them(store: Store, part_ms: int) -> None:
    conversation = await started(store)
    at = NOW.replace(microsecond=part_ms * 1000)
    draft = draft_for(conversation.id, "hello", key="k", metadata={"of": [1, None]})
    appended = await store.append(draft, now=at + timedelta(days=1))
    assert await store.messages(conversation.id, 1, 1) == [appended.message.view()]
    (seen,) = await store.messages(conversation.id, 1, 1)
    assert seen["createdAt"].endswith(f":05.{part_ms:03}Z")
    assert list(seen) == list(appended.message.wire())


@pytest.mark.parametrize("finalized", [False, True])
async def test_the_newest_messages_come_with_their_conversation(store: Store, finalized: bool) -> None:
    conversation = await started(store, *"abcde")
    if finalized:
        conversation = (await store.finalize(conversation.id, now=NOW)).conversation
    found = await store.newest(conversation.id, 2)
    assert found is not None
    assert found[0] == conversation
    assert [m["content"] for m in found[1]] == ["d", "e"]
    assert await store.newest(conversation.id, 50) == (
        conversation,
        await store.messages(conversation.id, 1, 5),
    )


async def test_the_newest_of_an_empty_conversation_are_none(store: Store) -> None:
    conversation = await started(store)
    assert await store.newest(conversation.id, 5) == (conversation, [])


@pytest.mark.parametrize("nearest", ["first", "last"])
async def test_a_range_may_end_where_there_is_enough(store: Store, nearest: End) -> None:
    conversation = await started(store)
    for n in range(60):
        metadata: Metadata = {"m": "y" * (n * 7 % 50)}
        await store.append(draft_for(conversation.id, "é" * (n * 13 % 90 + 1), metadata=metadata), now=NOW)
    everything = await store.messages(conversation.id, 1, 60)
    sizes = [len(one["content"]) + len(canonical(one["metadata"])) for one in everything]
    for enough in (1, 100, 1_000, sum(sizes) - 1, sum(sizes)):
        found = await store.messages(conversation.id, 1, 60, nearest=nearest, enough=enough)
        seqs = [one["seq"] for one in found]
        near = sizes if nearest == "first" else sizes[::-1]
        fitting = max(sum(sum(near[: n + 1]) <= enough for n in range(60)), 1)
        assert len(seqs) == fitting
        assert seqs == (list(range(1, 61))[:fitting] if nearest == "first" else list(range(1, 61))[-fitting:])
        if nearest == "last":
            assert await store.newest(conversation.id, 60, enough=enough) == (
                await store.conversation(conversation.id),
                found,
            )


async def test_heads_are_of_those_that_exist(store: Store) -> None:
    one, two = await started(store, "a", "b"), await started(store)
    await store.finalize(two.id, now=NOW)
    assert await store.heads([two.id, fresh(), one.id]) == {one.id: 2, two.id: 1}
    assert await store.heads([]) == {}


async def ids(
    store: Store, user: str, status: Status | None = None, behind: Place | None = None, limit: int = 50
) -> list[str]:
    found = await store.conversations(user, status=status, behind=behind, limit=limit)
    return [conversation.id for conversation in found]


async def test_a_user_lists_owned_and_joined_conversations_latest_first(store: Store) -> None:
    ann, bob = fresh("ann"), fresh("bob")
    own = await store.create(new_conversation(ann), None, now=NOW)
    shared = new_conversation(bob, members=(ann,), at=NOW + MILLISECOND)
    await store.create(shared, None, now=NOW)
    assert await ids(store, ann) == [shared.id, own.conversation.id]
    assert await ids(store, bob) == [shared.id]
    assert await ids(store, fresh("stranger")) == []
    assert await ids(store, ann[:-1]) == []


async def test_activity_moves_a_conversation_to_the_front_for_everyone_in_it(store: Store) -> None:
    users = fresh("ann"), fresh("bob"), fresh("cem")
    old, new = (new_conversation(users[0], members=users[1:], at=NOW + n * MILLISECOND) for n in range(2))
    for conversation in (old, new):
        await store.create(conversation, None, now=NOW)
    for user in users:
        assert await ids(store, user) == [new.id, old.id]
    await store.append(draft_for(old.id), now=NOW + timedelta(seconds=1))
    for user in users:
        assert await ids(store, user) == [old.id, new.id]
    await store.finalize(new.id, now=NOW + timedelta(seconds=2))
    for user in users:
        assert await ids(store, user) == [new.id, old.id]
        assert await ids(store, user, "finalized") == [new.id]
        assert await ids(store, user, "active") == [old.id]


async def test_pages_follow_each_other_through_ties_without_loss_or_repeat(store: Store) -> None:
    user = fresh("ann")
    for n in range(10):
        created = new_conversation(user, at=NOW + (n // 4) * MILLISECOND)
        await store.create(created, None, now=NOW)
        if n % 3 == 0:
            await store.finalize(created.id, now=NOW)
    everything = await store.conversations(user, status=None, behind=None, limit=50)
    assert len(everything) == 10
    assert everything == sorted(everything, key=lambda one: (-one.updated_at.timestamp(), one.id))
    for status in (None, "active", "finalized"):
        expected = [one.id for one in everything if status in (None, one.status)]
        assert [one.id for one in await paged(store, user, status, 3)] == expected


async def paged(store: Store, user: str, status: Status | None, limit: int) -> list[Conversation]:
    """The whole list, page by page."""
    found: list[Conversation] = []
    behind = None
    while page := await store.conversations(user, status=status, behind=behind, limit=limit):
        found += page
        behind = Place(page[-1].updated_at, page[-1].id)
    return found


@pytest.mark.parametrize("pause_ms", [1, 300, 2_000, 7_000])
async def test_a_list_is_in_the_order_of_activity_however_fast_that_goes(store: Store, pause_ms: int) -> None:
    user, chance = fresh("ann"), random.Random(pause_ms)
    logs = [await started(store, owner=user) for _ in range(12)]
    at = NOW
    for _ in range(60):
        at += timedelta(milliseconds=chance.randrange(2 * pause_ms))
        log = chance.choice(logs)
        if chance.random() < 0.05 and len(logs) > 8:
            logs.remove(log)
            await store.finalize(log.id, now=at)
        else:
            await store.append(draft_for(log.id), now=at)
    everything = await store.conversations(user, status=None, behind=None, limit=50)
    assert len(everything) == 12
    assert everything == sorted(everything, key=lambda one: (-one.updated_at.timestamp(), one.id))
    statuses: tuple[Status | None, ...] = (None, "active", "finalized")
    for status, limit in product(statuses, (1, 3, 11)):
        expected = [one for one in everything if status in (None, one.status)]
        assert await paged(store, user, status, limit) == expected


async def test_a_page_is_whole_though_many_have_moved_ahead_since_the_one_before(store: Store) -> None:
    user = fresh("ann")
    logs = [await started(store, owner=user, at=NOW + n * MILLISECOND) for n in range(9)]
    for log in logs:
        await store.append(draft_for(log.id), now=NOW + timedelta(seconds=1))
    (first,) = await store.conversations(user, status=None, behind=None, limit=1)
    others = [log for log in logs if log.id != first.id]
    for log in others[2:]:
        await store.append(draft_for(log.id), now=NOW + timedelta(seconds=2))
    page = await store.conversations(user, status=None, behind=Place(first.updated_at, first.id), limit=2)
    assert [one.id for one in page] == sorted(log.id for log in others[:2])


async def test_a_place_need_not_name_a_conversation_that_is_still_there(store: Store) -> None:
    user = fresh("ann")
    created = await store.create(new_conversation(user), None, now=NOW)
    found = created.conversation.id
    assert await ids(store, user, behind=Place(NOW, "")) == [found]
    assert await ids(store, user, behind=Place(NOW, "~")) == []
    assert await ids(store, user, behind=Place(NOW + MILLISECOND, "~")) == [found]
    assert await ids(store, user, behind=Place(NOW - MILLISECOND, "")) == []
    assert await ids(store, user, behind=Place(datetime(1970, 1, 1, tzinfo=UTC), "")) == []
    assert await ids(store, user, behind=Place(datetime(9999, 12, 31, tzinfo=UTC), "")) == [found]
