"""The checks find each violation in the record of a storm, and only there."""

import pytest

from tests.faults.storm.check import violations
from tests.faults.storm.record import Creation, Delivery, Entry, Recording, Send, View

ROOM = "room"


def message(seq: int, content: str = "hello", key: int | None = None) -> Entry:
    return {"seq": seq, "author": "ann", "clientMessageId": f"key-{key or seq}", "content": content}


def closing(seq: int) -> Entry:
    return {"conversationId": ROOM, "seq": seq, "finalizedAt": "then"}


def send(key: int, *answers: Entry, content: str = "hello", refused: bool = False) -> Send:
    return Send(ROOM, "ann", f"key-{key}", content, tries=1, answers=[*answers], refused=refused)


ONE, TWO, THREE, END = LOG = (message(1), message(2), message(3), closing(4))
OPEN = LOG[:3]
TWICE = (*OPEN, message(4, key=3))
SENDS = (send(1, ONE), send(2, TWO), send(3, THREE), send(9, refused=True))
MADE = Creation("creation", {ROOM})


def storm(
    *,
    log: tuple[Entry, ...] = LOG,
    got: tuple[Entry, ...] = LOG,
    sends: tuple[Send, ...] = SENDS,
    closings: tuple[Entry, ...] | None = (END,),
    creations: tuple[Creation, ...] = (MADE,),
    complaints: tuple[str, ...] = (),
) -> Recording:
    """A storm of one conversation and one client; by default it kept every promise."""
    return Recording(
        sends=[*sends],
        views=[View("client", ROOM, [Delivery(entry, live=True) for entry in got])],
        creations=[*creations],
        closings={} if closings is None else {ROOM: [*closings]},
        logs={ROOM: [*log]},
        complaints=[*complaints],
    )


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
    "a client gets another content": (storm(got=(ONE, message(2, "other"), THREE, END)), {"untrue"}),
    "an acknowledged send is not stored": (storm(sends=(*SENDS, send(8, message(8)))), {"lost"}),
    "a send is stored twice": (storm(log=TWICE, got=TWICE, closings=None), {"repeated", "untrue"}),
    "a repeated send has another answer": (storm(sends=(send(1, ONE, TWO), *SENDS[1:])), {"untrue"}),
    "a send is stored with another content": (
        storm(sends=(send(1, ONE, content="meant"), *SENDS[1:])),
        {"untrue"},
    ),
    "a refused send is stored": (storm(sends=(send(1, refused=True), *SENDS[1:])), {"untrue"}),
    "an open conversation refuses a send": (storm(log=OPEN, got=OPEN, closings=None), {"untrue"}),
    "nobody sent a stored message": (storm(sends=SENDS[1:]), {"untrue"}),
    "a send has no answer": (storm(sends=(*SENDS, send(8))), {"unanswered"}),
    "the log goes on after the finalization": (
        storm(log=(ONE, TWO, closing(3), message(4)), sends=SENDS[:2], closings=(closing(3),)),
        {"after the fence", "untrue"},
    ),
    "the log has a number twice": (
        storm(log=(ONE, TWO, TWO, END)),
        {"out of order", "repeated", "untrue", "lost"},
    ),
    "the log lacks a number": (storm(log=(ONE, THREE, END)), {"out of order", "untrue", "lost"}),
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
    "a client complains": (storm(complaints=("internal",)), {"complaint"}),
}


@pytest.mark.parametrize(("recording", "kinds"), CASES.values(), ids=CASES)
def test_the_checks_find_each_violation(recording: Recording, kinds: set[str]):
    assert {violation.kind for violation in violations(recording)} == kinds
