"""Every decision about a change, by whom and in which state: the change, nothing to do, or the refusal."""

from collections.abc import Callable
from typing import Any

import pytest

from confab.domain import changes
from confab.domain.entries.conversation_changed import Changes
from confab.domain.entries.message import Message
from confab.domain.errors import ConfabError
from confab.domain.limits import Limits
from confab.domain.models import Member
from confab.domain.requests import EditMessage, UpdateConversation, parse
from tests.support.samples import NOW, conversation, edited, finalized, message, principal, renamed

OPEN = conversation(title="t", metadata={"a": 1}, seq=9)
CLOSED = OPEN.model_copy(update={"status": "finalized", "finalized_at": NOW})
CALLERS = {uid: principal(uid, agent=uid == "bot") for uid in ("alice", "bob", "rita", "bot", "eve")}
ABSENT, FORBIDDEN, FINAL, BAD = "not_found", "forbidden", "conversation_finalized", "invalid_request"
SAME, CHANGE = "all is so already", "a change is to be stored"
EVERYWHERE = [FORBIDDEN, FORBIDDEN]

Decide = Callable[..., Any]


def outcomes(decide: Decide, uid: str, *of: object) -> list[str]:
    """What comes of it where there is no conversation, in an active one, and in a finalized one."""
    found = []
    for state in (None, OPEN, CLOSED):
        try:
            found.append(SAME if decide(state, *of, CALLERS[uid]) is None else CHANGE)
        except ConfabError as refusal:
            found.append(refusal.code)
    return found


def update(**fields: object) -> Decide:
    request = parse(UpdateConversation, fields, Limits())
    return lambda found, caller: changes.update(found, caller, request)


def member(uid: str, access: Any = "write", most: int = 4) -> Decide:
    to_be = Member(user_id=uid, access=access)
    return lambda found, caller: changes.set_member(found, caller, to_be, max_members=most)


def removal(uid: str) -> Decide:
    return lambda found, caller: changes.remove_member(found, caller, uid)


def edit(**fields: object) -> Decide:
    request = parse(EditMessage, fields, Limits())
    return lambda found, of, caller: changes.edit_message(found, of, caller, request)


BY_THE_OWNER = {
    "finalize": (changes.finalization, CHANGE, SAME),
    "rename": (update(title="new"), CHANGE, FINAL),
    "clear the title": (update(title=None), CHANGE, FINAL),
    "the same title": (update(title="t"), SAME, SAME),
    "metadata": (update(metadata={"a": True}), CHANGE, FINAL),
    "all the same": (update(title="t", metadata={"a": 1}, owner="alice"), SAME, SAME),
    "one of them another": (update(title="t", metadata={}), CHANGE, FINAL),
    "hand over": (update(owner="bob"), CHANGE, FINAL),
    "hand over to a reader": (update(owner="rita"), CHANGE, FINAL),
    "rename and hand over to a stranger": (update(title="new", owner="eve"), BAD, FINAL),
    "add": (member("new"), CHANGE, FINAL),
    "add one too many": (member("new", most=3), BAD, FINAL),
    "add without a limit": (member("new", most=0), CHANGE, FINAL),
    "the same access at the limit": (member("bob", most=3), SAME, SAME),
    "another access beyond the limit": (member("bob", "read", most=2), CHANGE, FINAL),
    "the owner as a member": (member("alice"), BAD, FINAL),
    "remove": (removal("bob"), CHANGE, FINAL),
    "remove a stranger": (removal("nobody"), SAME, SAME),
    "remove the owner": (removal("alice"), FORBIDDEN, FORBIDDEN),
}


@pytest.mark.parametrize("what", BY_THE_OWNER)
def test_only_the_owner_changes_a_conversation(what):
    decide, *expected = BY_THE_OWNER[what]
    assert outcomes(decide, "alice") == [ABSENT, *expected]
    assert outcomes(decide, "eve") == [ABSENT] * 3
    for uid in {"bob", "rita", "bot"} - ({"bob"} if what == "remove" else set()):
        assert outcomes(decide, uid) == [ABSENT, *EVERYWHERE]


@pytest.mark.parametrize("uid", ["bob", "rita", "bot"])
def test_every_member_may_leave(uid):
    assert outcomes(removal(uid), uid) == [ABSENT, CHANGE, FINAL]
    assert outcomes(removal("eve"), "eve") == [ABSENT] * 3


def written_by(author: str, *, deleted: bool = False) -> Message:
    written = message(4).model_copy(update={"author": author})
    return written.deleted(8, NOW) if deleted else written


CHANGED, DONE, NONE = [CHANGE, FINAL], [SAME, SAME], [ABSENT, ABSENT]
GONE = dict.fromkeys(CALLERS, NONE)
MESSAGES = {
    # A message, and what comes of its edit and of its deletion; who is not named is refused.
    "a member's": (written_by("bob"), {"bob": CHANGED}, {"bob": CHANGED, "alice": CHANGED}),
    "the owner's": (written_by("alice"), {"alice": CHANGED}, {"alice": CHANGED}),
    "an agent's": (written_by("bot"), {"bot": CHANGED}, {"bot": CHANGED, "alice": CHANGED}),
    "a reader's": (written_by("rita"), {}, {"alice": CHANGED}),
    "a former member's": (written_by("eve"), {}, {"alice": CHANGED}),
    "a deleted one": (written_by("bob", deleted=True), GONE, {"bob": DONE, "alice": DONE}),
    "an erased user's": (written_by("", deleted=True), GONE, {"alice": DONE}),
    "none": (None, GONE, GONE),
}


@pytest.mark.parametrize("uid", CALLERS)
@pytest.mark.parametrize("whose", MESSAGES)
def test_authors_edit_and_authors_and_the_owner_delete(uid, whose):
    of, edits, deletions = MESSAGES[whose]
    refused = NONE if uid == "eve" else EVERYWHERE
    for decide, named in ((edit(content="new"), edits), (changes.delete_message, deletions)):
        assert outcomes(decide, uid, of) == [ABSENT, *(refused if uid == "eve" else named.get(uid, refused))]


def test_an_edit_that_changes_nothing_is_none():
    assert outcomes(edit(content="message 4", metadata={}), "bob", written_by("bob")) == [ABSENT, *DONE]
    assert outcomes(edit(metadata={"a": 1}), "bob", written_by("bob")) == [ABSENT, *CHANGED]


NOTHING: dict[str, object] = {
    "content": "",
    "metadata": {},
    "client_message_id": None,
    "edited_at": None,
    "deleted_at": None,
}
BOB, RITA, BOT = OPEN.members
FORMER, NEW = Member(user_id="alice"), Member(user_id="new", access="read")
AFTER: list[tuple[Decide, dict[str, object], Changes | None]] = [
    (changes.finalization, {}, None),
    (update(title=None), {"title": None}, Changes(title=True)),
    (update(title="t", metadata={}), {"metadata": {}}, Changes(metadata=True)),
    (update(owner="rita"), {"owner": "rita", "members": (BOB, BOT, FORMER)}, Changes(owner=True)),
    (member("new", "read"), {"members": (*OPEN.members, NEW)}, Changes(added=("new",))),
    (member("rita"), {"members": (BOB, Member(user_id="rita"), BOT)}, Changes(access=("rita",))),
    (removal("bob"), {"members": (RITA, BOT)}, Changes(removed=("bob",))),
    (lambda found, _: changes.departure(found, "bob"), {"members": (RITA, BOT)}, Changes(removed=("bob",))),
]


@pytest.mark.parametrize(("decide", "fields", "changed"), AFTER)
def test_a_change_of_a_conversation_and_its_entry(decide, fields, changed):
    change = decide(OPEN, CALLERS["alice"])
    assert (change.before, change.after, change.changes) == (OPEN, OPEN.model_copy(update=fields), changed)
    stored = change.after.model_copy(update={"seq": 10, "updated_at": NOW, "finalized_at": NOW})
    entry = change.entry(stored)
    if changed is None:
        assert entry == finalized(10)
    else:
        assert (entry.seq, entry.conversation, entry.changes, entry.at) == (10, stored, changed, NOW)


def test_an_edit_keeps_what_it_does_not_name_and_a_deletion_keeps_no_words():
    before = message(4).model_copy(
        update={"author": "bob", "metadata": {"a": 1}, "client_message_id": "k", "in_reply_to": 2}
    )
    change = changes.edit_message(
        OPEN, before, CALLERS["bob"], parse(EditMessage, {"content": "new"}, Limits())
    )
    assert change is not None
    entry = change.entry(10, NOW)
    assert (entry.seq, entry.by, entry.at) == (10, "bob", NOW)
    after = before.model_copy(update={"content": "new", "version": 10, "edited_at": NOW})
    assert entry.message == after
    deletion = changes.delete_message(OPEN, after, CALLERS["alice"])
    assert deletion is not None
    emptied = {**NOTHING, "edited_at": NOW, "version": 11, "deleted_at": NOW}
    assert deletion.entry(11, NOW).message == after.model_copy(update=emptied)


def test_states_that_later_entries_made_are_left_out():
    written, edit_, rename = message(1), edited(3), renamed(4)
    for at_its_time in (written, edit_, rename, finalized(5)):
        assert at_its_time.without_later_state() is at_its_time
    changed = edit_.message
    assert changed is not None
    for now in (changed, changed.deleted(4, NOW)):
        assert now.without_later_state() == written.model_copy(update=NOTHING)
        later = edit_.model_copy(update={"seq": 2, "message": now})
        assert later.without_later_state() == later.model_copy(update={"message": None})
    sooner = rename.model_copy(update={"seq": 2})
    assert sooner.without_later_state() == sooner.model_copy(update={"conversation": None})
    for withheld in (later, sooner):
        lesser = withheld.without_later_state()
        assert lesser.without_later_state() is lesser
