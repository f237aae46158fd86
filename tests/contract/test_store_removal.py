"""What every `Store` promises of deleted conversations and of erased users."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from confab.domain.errors import NotFound
from confab.domain.models import Member
from confab.erasure import Eraser
from confab.ports.bus import Announcer
from confab.ports.store import Store
from confab.store import removal
from tests.support.adapters import Announced
from tests.support.changes import add, delete, edit, remove, say, started
from tests.support.samples import NOW, finalize, principal

pytestmark = pytest.mark.asyncio(loop_scope="session")


def eraser(store: Store, announcer: Announcer | None = None) -> Eraser:
    return Eraser(store, announcer or Announced(), locate=lambda one: one, clock=lambda: NOW)


class Crash(Exception):
    """The process ends here."""


@contextmanager
def crashing(store: Store, monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """Let an instance crash once its store has taken so many steps of a removal."""
    left = after

    def step(owner: Any, name: str) -> None:
        taken = getattr(owner, name)

        async def crash_after(*args: Any, **options: Any) -> Any:
            nonlocal left
            result = await taken(*args, **options)
            left -= 1
            if left == 0:
                raise Crash
            return result

        patch.setattr(owner, name, crash_after)

    with monkeypatch.context() as patch:
        patch.setattr(removal, "STEP", 2)
        step(store, "change_conversation")
        for name in ("begin", "leave_finalized", "empty", "delete", "purge"):
            step(store.removal, name)
        yield


async def test_another_instance_goes_on_with_an_erasure_that_crashed_after_any_step(stores, monkeypatch):
    store, steps, crashed = stores[0], 0, True
    while crashed:
        uid, steps = uuid.uuid4().hex, steps + 1
        owned = (await started(store, owner=uid)).id
        logs = [(await started(store, members=(Member(user_id=uid),))).id for _ in range(3)]
        for log in (owned, *logs):
            await asyncio.gather(*(say(store, log, "x", uid) for _ in range(3)))
        await finalize(store, logs[1])
        await remove(store, logs[2], uid)
        with crashing(store, monkeypatch, steps):
            try:
                assert (await eraser(store).erase(uid)).done
                crashed = False
            except Crash:
                for _ in range(2):  # what the first erases may leave conversations to purge
                    await eraser(stores[1]).resume()
        assert await stores[1].removal.unfinished(now=NOW) == (None, None)
        assert not await stores[1].removal.purge()
        assert await store.conversation(owned) is None
        for log in logs:
            page = await store.log(log, "alice", 50, after=0)
            assert uid not in f"{page.conversation} {page.entries}", (steps, log)
            assert [one["content"] for one in page.entries[:3]] == ["", "", ""]
    assert steps > len(logs)


async def test_a_deleted_conversation_is_gone_for_everyone(store):
    user = principal(uuid.uuid4().hex)
    log = (await started(store, owner=user.uid)).id
    await say(store, log, author="bob", client_message_id="k")
    announced = Announced()
    erases = eraser(store, announced)
    await erases.delete_conversation(log, user)
    assert (announced.entries, announced.forgotten) == ([], [log])
    assert await store.conversation(log) is None
    assert await store.entries(log, 1, 9) is None
    assert await store.heads([log]) == {}
    assert await store.conversations(user.uid, status=None, after=None, limit=9) == []
    with pytest.raises(NotFound):
        await say(store, log, author="bob", client_message_id="k")
    with pytest.raises(NotFound):
        await erases.delete_conversation(log, user)


async def test_a_key_whose_conversation_is_deleted_creates_nothing(store):
    user = principal(uuid.uuid4().hex)
    first = await started(store, owner=user.uid)
    again = first.model_copy(update={"id": uuid.uuid4().hex, "title": None})
    await store.create(again, "key", now=NOW)
    await eraser(store).delete_conversation(again.id, user)
    third = first.model_copy(update={"id": uuid.uuid4().hex})
    with pytest.raises(NotFound):
        await store.create(third, "key", now=NOW)
    assert await store.conversation(third.id) is None


async def test_who_is_added_again_while_being_erased_is_erased_from_the_end_again(store):
    uid = uuid.uuid4().hex
    log = (await started(store, members=(Member(user_id=uid),))).id
    for _ in range(70):
        await say(store, log, "x", uid)
    assert await store.removal.begin(uid, now=NOW) == log
    await remove(store, log, uid)
    await store.removal.empty(uid, log, now=NOW)
    await add(store, log, uid)
    await say(store, log, "CANARY", uid)
    assert (await eraser(store).erase(uid)).done
    page = await store.log(log, "alice", 200, after=0)
    assert uid not in str(page.entries)
    assert "CANARY" not in str(page.entries)


async def test_a_conversation_with_a_new_message_is_not_deleted_as_silent(store):
    old = await started(store)
    await say(store, old.id)
    assert not await store.removal.delete(old, now=NOW, only_if_silent=True)
    assert await store.removal.delete(old, now=NOW)


async def test_an_erased_user_leaves_numbers_and_nothing_else(store):
    uid = uuid.uuid4().hex
    member = Member(user_id=uid)
    owned = (await started(store, owner=uid)).id
    active = (await started(store, members=(member, Member(user_id="bob")))).id
    await say(store, active, "one", uid, client_message_id="k", metadata={"a": 1})
    await say(store, active, "two", "bob")
    await say(store, active, "three", uid)
    await edit(store, active, 1, "edited", principal(uid))
    await delete(store, active, 3, principal(uid))
    erases = eraser(store)
    progress = await erases.erase(uid)
    assert (progress.conversations, progress.messages, progress.done) == (2, 2, True)
    assert await store.conversation(owned) is None
    found = await store.conversation(active)
    assert (found.seq, found.erasures, [one.user_id for one in found.members]) == (6, 1, ["bob"])
    page = await store.log(active, "alice", 50, after=0)
    assert uid not in str(page.entries)
    first, _, third, *_ = page.entries
    for entry in (first, third):
        assert (entry["author"], entry["content"], entry["metadata"], entry["clientMessageId"]) == (
            "",
            "",
            {},
            None,
        )
        assert entry["deletedAt"]
    assert [e["kind"] for e in page.entries[3:]] == [
        "message_changed",
        "message_changed",
        "conversation_changed",
    ]
    (erasure,) = await store.removal.erasures(active, 0)
    assert (erasure.number, list(erasure.seqs)) == (1, [1, 3])
    assert await store.conversations(uid, status=None, after=None, limit=9) == []
    assert (await erases.erase(uid)).done
    assert await store.removal.unfinished(now=NOW) == (None, None)
