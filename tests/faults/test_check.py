"""The checker finds each kind of violation in the record of a storm, and only there."""

from collections.abc import Callable

import pytest

from tests.faults.storm.check import violations
from tests.faults.storm.record import Creation, Delivery, Entry, Recording, Send, View

ROOM = "room"
Spoil = Callable[[Recording], object]


def message(seq: int, content: str = "hello", key: int | None = None) -> Entry:
    return {"seq": seq, "author": "ann", "clientMessageId": f"key-{key or seq}", "content": content}


def closing(seq: int) -> Entry:
    return {"conversationId": ROOM, "seq": seq, "finalizedAt": "then"}


def send(key: str, *answers: Entry, refused: bool = False) -> Send:
    return Send(ROOM, "ann", key, "hello", tries=1, answers=[*answers], refused=refused)


ONE, TWO, THREE, END = LOG = [message(1), message(2), message(3), closing(4)]
TWICE = [ONE, TWO, THREE, message(4, key=3)]


def storm() -> Recording:
    """A storm that kept every promise."""
    return Recording(
        sends=[send("key-1", ONE), send("key-2", TWO), send("key-3", THREE), send("late", refused=True)],
        views=[View("client", ROOM, [Delivery(entry, live=True) for entry in LOG])],
        creations=[Creation("ann", "creation", {ROOM})],
        closings={ROOM: [END]},
        logs={ROOM: list(LOG)},
        owned={"ann": {ROOM}},
    )


def given(*entries: Entry) -> Spoil:
    """The client got these entries."""
    return lambda storm: storm.views[0].deliveries.__setitem__(
        slice(None), [Delivery(e, live=True) for e in entries]
    )


def stored(*entries: Entry) -> Spoil:
    """The store holds these entries."""
    return lambda storm: storm.logs[ROOM].__setitem__(slice(None), entries)


def sent(*sends: Send) -> Spoil:
    """Somebody sent these messages, too."""
    return lambda storm: storm.sends.extend(sends)


CASES: dict[str, tuple[list[Spoil], set[str]]] = {
    "nothing": ([], set()),
    "a client misses an entry": ([given(ONE, TWO, END)], {"lost"}),
    "a client misses the finalization": ([given(ONE, TWO, THREE)], {"lost"}),
    "a client gets nothing": ([given()], {"lost"}),
    "a client gets an entry twice": ([given(ONE, *LOG)], {"repeated"}),
    "a client gets the finalization twice": ([given(*LOG, END)], {"repeated"}),
    "a client gets two entries in the wrong order": ([given(ONE, THREE, TWO, END)], {"out of order"}),
    "a client gets the finalization too early": ([given(ONE, TWO, END, THREE)], {"out of order"}),
    "a client gets an entry after the finalization": (
        [given(*LOG, message(5))],
        {"after the fence", "untrue"},
    ),
    "a client gets another content": ([given(ONE, message(2, "other"), THREE, END)], {"untrue"}),
    "an acknowledged send is not stored": ([sent(send("key-9", message(9)))], {"lost"}),
    "a send is stored twice": (
        [given(*TWICE), stored(*TWICE), lambda storm: storm.closings.clear()],
        {"repeated", "untrue"},
    ),
    "a repeated send has another answer": ([lambda storm: storm.sends[0].answers.append(TWO)], {"untrue"}),
    "a send is stored with another content": (
        [lambda storm: setattr(storm.sends[0], "content", "meant")],
        {"untrue"},
    ),
    "a refused send is stored": (
        [lambda storm: storm.sends.__setitem__(0, send("key-1", refused=True))],
        {"untrue"},
    ),
    "an open conversation refuses a send": (
        [given(*LOG[:3]), stored(*LOG[:3]), lambda storm: storm.closings.clear()],
        {"untrue"},
    ),
    "nobody sent a stored message": ([lambda storm: storm.sends.pop(0)], {"untrue"}),
    "a send has no answer": ([sent(send("key-9"))], {"unanswered"}),
    "the log goes on after the finalization": (
        [stored(ONE, TWO, closing(3), message(4))],
        {"after the fence", "untrue", "lost"},
    ),
    "the log has a number twice": (
        [stored(ONE, TWO, TWO, END)],
        {"out of order", "repeated", "untrue", "lost"},
    ),
    "the log lacks a number": ([stored(ONE, THREE, END)], {"out of order", "untrue", "lost"}),
    "finalizing has another answer": (
        [lambda storm: storm.closings[ROOM].append(closing(3))],
        {"untrue"},
    ),
    "nobody finalized the conversation": ([lambda storm: storm.closings.clear()], {"untrue"}),
    "finalizing has no answer": ([lambda storm: storm.closings[ROOM].clear()], {"unanswered"}),
    "a creation makes two conversations": ([lambda storm: storm.owned["ann"].add("other")], {"repeated"}),
    "a created conversation is not stored": ([lambda storm: storm.owned["ann"].clear()], {"lost"}),
    "a creation has no answer": (
        [lambda storm: storm.creations.append(Creation("ann", "other"))],
        {"unanswered"},
    ),
    "a client complains": ([lambda storm: storm.complaints.append("internal")], {"complaint"}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_checker_finds_each_violation(case: str):
    spoils, kinds = CASES[case]
    recording = storm()
    for spoil in spoils:
        spoil(recording)
    assert {violation.kind for violation in violations(recording)} == kinds
