"""The checks find each violation in the record of a storm, and only there."""

from typing import Any

import pytest

from tests.faults.storm.check import violations
from tests.faults.storm.record import Creation, Delivery, Entry, Recording, Revision, Send, View

ROOM = "room"


def message(seq: int, content: str = "hello", key: int | None = None, **fields: Any) -> Entry:
    return {
        "kind": "message",
        "seq": seq,
        "version": seq,
        "author": "ann",
        "content": content,
        "clientMessageId": f"key-{key or seq}",
        "deletedAt": None,
        **fields,
    }


def closing(seq: int) -> Entry:
    return {"kind": "finalized", "conversationId": ROOM, "seq": seq, "finalizedAt": "then"}


def changed(seq: int, state: Entry) -> Entry:
    return {"kind": "message_changed", "seq": seq, "message": state}


def members(seq: int, *users: str, at: int | None = None, **changes: list[str]) -> Entry:
    """The entry that changes members, with the state of entry `at`."""
    state = conversation(at or seq, *users)
    return {"kind": "conversation_changed", "seq": seq, "conversation": state, "changes": changes}


def conversation(seq: int, *users: str) -> Entry:
    listed = [{"userId": user, "access": "write"} for user in users]
    return {"id": ROOM, "seq": seq, "title": None, "owner": "olga", "members": listed}


def send(
    key: int, *answers: Entry, content: str = "hello", refused: str | None = None, tries: int = 1
) -> Send:
    return Send(ROOM, "ann", f"key-{key}", content, tries, answers=[*answers], refused=refused)


ONE, TWO, THREE, END = LOG = (message(1), message(2), message(3), closing(4))
OPEN = LOG[:3]
TWICE = (*OPEN, message(4, key=3))
SENDS = (send(1, ONE), send(2, TWO), send(3, THREE), send(9, refused="conversation_finalized"))
MADE = Creation("creation", {ROOM})


def storm(
    *,
    log: tuple[Entry, ...] = LOG,
    got: tuple[Entry, ...] = LOG,
    sends: tuple[Send, ...] = SENDS,
    closings: tuple[Entry, ...] | None = (END,),
    creations: tuple[Creation, ...] = (MADE,),
    complaints: tuple[str, ...] = (),
    revisions: tuple[Revision, ...] = (),
    users: tuple[str, ...] = ("ann",),
) -> Recording:
    """A storm of one conversation and one client; by default it kept every promise."""
    now = conversation(len(log), *users)
    return Recording(
        sends=[*sends],
        views=[View("client", "ann", ROOM, [Delivery(entry) for entry in got], len(got), state=now)],
        creations=[*creations],
        closings={} if closings is None else {ROOM: [*closings]},
        logs={ROOM: [*log]},
        conversations={ROOM: now},
        revisions=[*revisions],
        complaints=[*complaints],
    )


DELETED = message(1, "", version=2, deletedAt="then", clientMessageId=None)
EDITED = message(1, "edited", version=2)
REMOVED = members(2, at=2, removed=["ann"])
BACK = members(3, "ann", added=["ann"])


def change(state: Entry, *got: Entry, stored: Entry | None = None, asked: float | None = None) -> Recording:
    """A storm in which message 1 is changed into this state; the client gets `got`."""
    content = None if state["deletedAt"] else state["content"]
    revision = Revision(ROOM, 1, content, answers=[state], acknowledged=5.0)
    log = (stored or state, changed(2, stored or state))
    found = storm(log=log, got=got or log, sends=SENDS[:1], closings=None, revisions=(revision,))
    found.views[0].deliveries[:] = [each._replace(asked=asked) for each in found.views[0].deliveries]
    return found


def removal(*got: Entry, log: tuple[Entry, ...], sends: tuple[Send, ...] = SENDS[:1]) -> Recording:
    """A storm in which the client's user is removed."""
    users = ("ann",) if BACK in log else ()
    return storm(log=log, got=got, sends=sends, closings=None, users=users)


LAPSED = (members(1, "ann", access=["ann"]), members(2, "ann", access=["ann"]), message(3, key=1))


def refused_and_stored(tries: int) -> Recording:
    """A storm in which a send is refused while its author may only read, and stored afterwards."""
    refused = send(1, refused="forbidden", tries=tries)
    return storm(log=LAPSED, got=LAPSED, sends=(refused,), closings=None)


CASES = {
    "nothing is wrong": (storm(), set()),
    "a client misses an entry": (storm(got=(ONE, TWO, END)), {"lost"}),
    "a client misses the finalization": (storm(got=OPEN), {"lost"}),
    "a client gets nothing": (storm(got=()), {"lost"}),
    "a client gets an entry twice": (storm(got=(ONE, *LOG)), {"repeated"}),
    "a client gets the finalization twice": (storm(got=(*LOG, END)), {"repeated"}),
    "a client gets two entries in the wrong order": (storm(got=(ONE, THREE, TWO, END)), {"out of order"}),
    "a client gets the finalization too early": (storm(got=(ONE, TWO, END, THREE)), {"out of order"}),
    "a client gets an entry after the finalization": (
        storm(got=(*LOG, message(5))),
        {"after the fence", "untrue"},
    ),
    "a client gets another content": (storm(got=(ONE, message(2, "other"), THREE, END)), {"untrue", "stale"}),
    "an acknowledged send is not stored": (storm(sends=(*SENDS, send(8, message(8)))), {"lost"}),
    "a send is stored twice": (storm(log=TWICE, got=TWICE, closings=None), {"repeated", "untrue"}),
    "a repeated send has another answer": (storm(sends=(send(1, ONE, TWO), *SENDS[1:])), {"untrue"}),
    "a send is stored with another content": (
        storm(sends=(send(1, ONE, content="meant"), *SENDS[1:])),
        {"untrue"},
    ),
    "a refused send is stored": (
        storm(sends=(send(1, refused="conversation_finalized"), *SENDS[1:])),
        {"untrue"},
    ),
    "an open conversation refuses a send": (storm(log=OPEN, got=OPEN, closings=None), {"untrue"}),
    "nobody sent a stored message": (storm(sends=SENDS[1:]), {"untrue"}),
    "a send has no answer": (storm(sends=(*SENDS, send(8))), {"unanswered"}),
    "the log goes on after the finalization": (
        storm(log=(ONE, TWO, closing(3), message(4)), sends=SENDS[:2], closings=(closing(3),)),
        {"after the fence", "untrue", "stale"},
    ),
    "the log has a number twice": (
        storm(log=(ONE, TWO, TWO, END)),
        {"out of order", "repeated", "untrue", "lost", "stale"},
    ),
    "the log lacks a number": (storm(log=(ONE, THREE, END)), {"out of order", "untrue", "lost", "stale"}),
    "finalizing has another answer": (storm(closings=(END, closing(3))), {"untrue"}),
    "nobody finalized the conversation": (storm(closings=None), {"untrue"}),
    "finalizing has no answer": (storm(closings=()), {"unanswered"}),
    "a key makes two conversations": (
        storm(creations=(Creation("creation", {ROOM, "other"}),)),
        {"repeated", "lost"},
    ),
    "nobody created a stored conversation": (storm(creations=()), {"repeated"}),
    "a created conversation is not stored": (storm(creations=(MADE, Creation("2", {"other"}))), {"lost"}),
    "a creation has no answer": (storm(creations=(MADE, Creation("2"))), {"unanswered"}),
    "a message is deleted": (change(DELETED), set()),
    "a message is edited": (change(EDITED), set()),
    "an answer after a deletion has the words": (
        change(DELETED, ONE, changed(2, DELETED), asked=6.0),
        {"deleted"},
    ),
    "an answer before a deletion has the words": (
        change(DELETED, ONE, changed(2, DELETED), asked=4.0),
        set(),
    ),
    "the entry that deletes has the words": (change(DELETED, ONE, changed(2, ONE)), {"deleted", "stale"}),
    "a deletion keeps the words": (
        change(DELETED, stored={**DELETED, "content": "hello"}),
        {"deleted", "untrue"},
    ),
    "an edit keeps the words": (change(EDITED, stored={**EDITED, "content": "hello"}), {"untrue"}),
    "a client keeps the words before an edit": (change(EDITED, ONE, changed(2, ONE)), {"stale"}),
    "an earlier try of a refused send is stored once the refusal has lapsed": (refused_and_stored(2), set()),
    "the only try of a refused send is stored": (refused_and_stored(1), {"untrue"}),
    "a member is removed": (removal(ONE, REMOVED, log=(ONE, REMOVED)), set()),
    "a removed member gets an entry": (
        removal(ONE, REMOVED, THREE, log=(ONE, REMOVED, THREE), sends=(send(1, ONE), send(3, THREE))),
        {"after the fence"},
    ),
    "a removed member's message is stored": (
        removal(ONE, REMOVED, log=(ONE, REMOVED, THREE), sends=(send(1, ONE), send(3, THREE))),
        {"after the fence"},
    ),
    "a removed member gets a later state of a message": (
        removal({**EDITED, "version": 3}, REMOVED, log=(ONE, REMOVED)),
        {"after the fence", "untrue"},
    ),
    "a removed member gets a later state of the conversation": (
        removal(ONE, members(2, at=3, removed=["ann"]), log=(ONE, REMOVED)),
        {"after the fence"},
    ),
    "a socket outlives its user's removal": (
        removal(ONE, REMOVED, BACK, log=(ONE, REMOVED, BACK)),
        {"after the fence"},
    ),
    "a client complains": (storm(complaints=("internal",)), {"complaint"}),
}


@pytest.mark.parametrize(("recording", "kinds"), CASES.values(), ids=CASES)
def test_the_checks_find_each_violation(recording, kinds):
    assert {violation.kind for violation in violations(recording)} == kinds
