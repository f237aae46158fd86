"""The use cases that decide again, because others have changed the same meanwhile."""

from contextlib import nullcontext
from datetime import timedelta
from unittest.mock import AsyncMock, patch

import pytest

from confab import conversations
from confab.domain.errors import Forbidden, NotFound, Unavailable
from confab.domain.limits import Limits
from confab.domain.requests import AddMessage, EditMessage, SetMember, UpdateConversation, parse
from tests.support.adapters import Announced, conversations_over
from tests.support.samples import NOW, conversation, principal
from tests.support.twins.store import MemoryStore

ALICE, BOB = principal("alice"), principal("bob")
CHANGES = {
    "update_conversation": (parse(UpdateConversation, {"title": "new"}, Limits()),),
    "set_member": ("new", parse(SetMember, {"access": "read"}, Limits())),
    "remove_member": ("bob",),
    "finalize_conversation": (),
    "edit_message": (1, parse(EditMessage, {"content": "new"}, Limits())),
    "delete_message": (1,),
}
"""Each change, and its arguments between the conversation's id and the caller."""


class Contested(MemoryStore):
    """A store in which somebody else is faster so many times; `meanwhile` is done the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.faster = 0
        self.tries = 0
        self.meanwhile = None

    async def change_conversation(self, change, *, now):
        return None if await self._lost() else await super().change_conversation(change, now=now)

    async def change_message(self, change, *, now):
        return None if await self._lost() else await super().change_message(change, now=now)

    async def _lost(self) -> bool:
        self.tries += 1
        work, self.meanwhile = self.meanwhile, None
        if work is not None:
            await work
        return self.tries <= self.faster


@pytest.fixture
async def store():
    store = Contested()
    await store.create(conversation(), None, now=NOW)
    await conversations_over(store).add_message(
        "c1", parse(AddMessage, {"content": "x"}, Limits()), caller=ALICE
    )
    return store


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_that_others_overtake_twice_is_decided_again_and_stored_once(store, name):
    announced = Announced()
    use = conversations_over(store, announced)
    store.faster = 2
    stored = await getattr(use, name)("c1", *CHANGES[name], caller=ALICE)
    assert (store.tries, [entry.seq for entry in announced.entries]) == (3, [2])
    assert stored.seq == 2 or stored.version == 2
    again = await getattr(use, name)("c1", *CHANGES[name], caller=ALICE)
    assert (again, store.tries, len(announced.entries)) == (stored, 3, 1)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_that_others_always_overtake_is_unavailable(store, name):
    announced = Announced()
    store.faster = 1_000
    with pytest.raises(Unavailable):
        await getattr(conversations_over(store, announced), name)("c1", *CHANGES[name], caller=ALICE)
    assert (store.tries, announced.entries) == (conversations.MAX_DECISIONS, [])


async def test_a_change_is_decided_on_what_others_have_made_meanwhile(store):
    use = conversations_over(store)
    added = parse(SetMember, {"access": "write"}, Limits())
    handed_over = parse(UpdateConversation, {"owner": "bob"}, Limits())
    store.meanwhile = use.update_conversation("c1", handed_over, caller=ALICE)
    with pytest.raises(Forbidden):
        await use.set_member("c1", "new", added, caller=ALICE)
    store.meanwhile = use.delete_message("c1", 1, caller=BOB)
    with pytest.raises(NotFound):
        await use.edit_message("c1", 1, parse(EditMessage, {"content": "late"}, Limits()), caller=ALICE)
    store.meanwhile = use.remove_member("c1", "alice", caller=BOB)
    with pytest.raises(NotFound):
        await use.remove_member("c1", "alice", caller=ALICE)
    assert (await store.conversation("c1")).seq == 4


async def test_who_becomes_the_owner_while_being_erased_loses_the_conversation(store):
    announced = Announced()
    use = conversations_over(store, announced)
    handed_over = parse(UpdateConversation, {"owner": "bob"}, Limits())
    store.meanwhile = use.update_conversation("c1", handed_over, caller=ALICE)
    progress = await use.eraser.erase("bob")
    assert (progress.conversations, progress.done, announced.forgotten) == (1, True, ["c1"])
    assert await store.conversation("c1") is None


@pytest.mark.parametrize(("found", "code"), [("c1", Unavailable), ("none", NotFound)])
async def test_a_deletion_that_others_always_overtake_is_unavailable(store, found, code):
    use = conversations_over(store)
    with patch.object(store.removal, "delete", AsyncMock(return_value=False)), pytest.raises(code):
        await use.delete_conversation(found, caller=ALICE)
    assert await store.conversation("c1") is not None


@pytest.mark.parametrize(
    ("ago_s", "refused"), [(None, True), (conversations.RECENT_S + 1, True), (conversations.RECENT_S, False)]
)
async def test_only_who_signed_in_just_now_is_erased(store, ago_s, refused):
    use = conversations_over(store, clock=lambda: NOW)
    at = None if ago_s is None else NOW - timedelta(seconds=ago_s)
    caller = BOB.model_copy(update={"signed_in_at": at})
    with pytest.raises(Forbidden) if refused else nullcontext():
        await use.erase_me(caller=caller)
    assert ("bob" in (await store.conversation("c1")).participants) is refused
