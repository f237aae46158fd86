"""The checker finds each kind of violation in what a storm wrote down, and only there."""

import pytest

from tests.faults.storm.check import violations
from tests.faults.storm.record import Creation, Entry, Recording, Send, Told, View

TALK = "talk"


def message(seq: int, content: str = "hello") -> Entry:
    return {"seq": seq, "author": "ann", "clientMessageId": f"key-{seq}", "content": content}


def closing(seq: int) -> Entry:
    return {"conversationId": TALK, "seq": seq, "finalizedAt": "then"}


LOG = [message(1), message(2), message(3), closing(4)]


def storm() -> Recording:
    """A storm in which every promise was kept."""
    sends = [Send(TALK, "ann", f"key-{n}", "hello", tries=1, answers=[message(n)]) for n in (1, 2, 3)]
    refused = Send(TALK, "ann", "late", "hello", tries=2, refused=True)
    return Recording(
        sends=[*sends, refused],
        views=[View("client", TALK, [Told(entry, live=True) for entry in LOG])],
        creations=[Creation("ann", "creation", {TALK})],
        closings={TALK: [closing(4)]},
        logs={TALK: list(LOG)},
        owned={"ann": {TALK}},
    )


def told(*entries: Entry) -> Recording:
    """The same storm, but for what the client was told."""
    recording = storm()
    recording.views[0].told = [Told(entry, live=True) for entry in entries]
    return recording


def kinds(recording: Recording) -> set[str]:
    return {violation.kind for violation in violations(recording)}


def test_a_storm_in_which_every_promise_was_kept_has_no_violation():
    assert violations(storm()) == []


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        (LOG[:2] + LOG[3:], "lost"),
        (LOG[:3], "lost"),
        ([], "lost"),
        ([LOG[0], *LOG], "repeated"),
        ([*LOG, LOG[3]], "repeated"),
        ([LOG[0], LOG[2], LOG[1], LOG[3]], "out of order"),
        ([*LOG[:2], LOG[3], LOG[2]], "out of order"),
        ([*LOG, message(5)], "after the fence"),
        ([*LOG, message(5)], "untrue"),
        ([LOG[0], message(2, "something else"), *LOG[2:]], "untrue"),
    ],
)
def test_what_a_client_was_told_amiss_is_found(entries: list[Entry], kind: str):
    assert kind in kinds(told(*entries))


def test_a_client_that_was_told_nothing_new_has_no_other_violation():
    assert kinds(told(*LOG[:3])) == {"lost"}
    assert kinds(told(LOG[0], *LOG)) == {"repeated"}
    assert kinds(told(LOG[0], LOG[2], LOG[1], LOG[3])) == {"out of order"}


def test_an_acknowledged_send_that_is_not_stored_is_lost():
    recording = storm()
    recording.sends.append(Send(TALK, "ann", "key-9", "hello", tries=1, answers=[message(9)]))
    assert kinds(recording) == {"lost"}


def test_a_send_that_was_stored_twice_is_repeated():
    recording = told(*LOG[:3], {**message(4), "clientMessageId": "key-3"})
    recording.logs[TALK] = [each.entry for each in recording.views[0].told]
    recording.closings.clear()
    recording.sends.pop()
    assert kinds(recording) == {"repeated", "untrue"}


def test_a_repeated_send_that_was_answered_with_another_message_is_untrue():
    recording = storm()
    recording.sends[0].answers.append(message(2))
    assert kinds(recording) == {"untrue"}


def test_a_send_that_was_stored_with_another_content_is_untrue():
    recording = storm()
    recording.sends[0].content = "what was meant"
    assert kinds(recording) == {"untrue"}


def test_a_refused_send_that_is_stored_is_untrue():
    recording = storm()
    recording.sends[0].answers.clear()
    recording.sends[0].refused = True
    assert kinds(recording) == {"untrue"}


def test_a_refusal_in_a_conversation_that_is_open_is_untrue():
    recording = told(*LOG[:3])
    recording.logs[TALK].pop()
    recording.closings.clear()
    assert kinds(recording) == {"untrue"}


def test_a_stored_message_that_nobody_sent_is_untrue():
    recording = storm()
    recording.sends.pop(0)
    assert kinds(recording) == {"untrue"}


def test_a_send_without_an_answer_is_found():
    recording = storm()
    recording.sends.append(Send(TALK, "ann", "key-9", "hello", tries=7))
    assert kinds(recording) == {"unanswered"}


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ([LOG[0], LOG[1], closing(3), message(4)], "after the fence"),
        ([LOG[0], LOG[1], LOG[1], closing(4)], "out of order"),
        ([LOG[0], LOG[2], closing(4)], "out of order"),
    ],
)
def test_a_stored_log_that_is_no_log_is_found(log: list[Entry], kind: str):
    recording = storm()
    recording.logs[TALK] = log
    assert kind in kinds(recording)


def test_a_finalization_that_was_answered_otherwise_than_it_is_stored_is_untrue():
    recording = storm()
    recording.closings[TALK].append(closing(3))
    assert kinds(recording) == {"untrue"}


def test_a_finalization_that_nobody_asked_for_is_untrue():
    recording = storm()
    recording.closings.clear()
    assert kinds(recording) == {"untrue"}


def test_a_finalization_without_an_answer_is_found():
    recording = storm()
    recording.closings[TALK].clear()
    assert kinds(recording) == {"unanswered"}


def test_a_creation_that_made_two_conversations_is_repeated():
    recording = storm()
    recording.owned["ann"].add("another")
    assert kinds(recording) == {"repeated"}


def test_a_conversation_that_was_created_and_is_not_stored_is_lost():
    recording = storm()
    recording.owned["ann"].clear()
    assert kinds(recording) == {"lost"}


def test_a_creation_without_an_answer_is_found():
    recording = storm()
    recording.creations.append(Creation("ann", "another"))
    assert kinds(recording) == {"unanswered"}


def test_a_complaint_is_a_violation():
    recording = storm()
    recording.complaints.append("a client was answered internal")
    assert kinds(recording) == {"complaint"}
