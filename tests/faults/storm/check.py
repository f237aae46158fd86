"""What a storm must not have done: pure judgement over what it wrote down."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tests.faults.storm.record import Entry, Recording, Send, View, is_finalization

Kind = Literal["lost", "repeated", "out of order", "after the fence", "untrue", "unanswered", "complaint"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken, and where."""

    kind: Kind
    text: str


Found = Iterator[Violation]


def violations(recording: Recording) -> list[Violation]:
    """Everything that is wrong; empty if every promise was kept."""
    return [violation for check in CHECKS for violation in check(recording)]


def complaints(recording: Recording) -> Found:
    """No client met what no client may meet."""
    for text in recording.complaints:
        yield Violation("complaint", text)


def logs(recording: Recording) -> Found:
    """A stored log is numbered 1, 2, 3 …, has each key once, and the finalization has its last number."""
    for conversation, log in recording.logs.items():
        where = f"stored log of {conversation}"
        if [entry["seq"] for entry in log] != list(range(1, len(log) + 1)):
            yield Violation("out of order", f"{where}: is not numbered 1 to {len(log)}")
        if any(is_finalization(entry) for entry in log[:-1]):
            yield Violation("after the fence", f"{where}: goes on after the finalization")
        keys = Counter((entry["author"], entry["clientMessageId"]) for entry in _messages(log))
        for (author, key), times in keys.items():
            if times > 1:
                yield Violation("repeated", f"{where}: {key} of {author} is stored {times} times")


def views(recording: Recording) -> Found:
    """A client got the stored log: each entry once, in order and unchanged."""
    for view in recording.views:
        log = recording.logs.get(view.conversation, [])
        for violation in (*_order(view), *_truth(view, log), *_completeness(view, log)):
            yield Violation(violation.kind, f"{view.client} in {view.conversation}: {violation.text}")


def _order(view: View) -> Found:
    seen: set[int] = set()
    highest, fenced = 0, False
    for entry, live in view.deliveries:
        seq, how = entry["seq"], "live" if live else "in the answer to a join"
        if seq in seen:
            yield Violation("repeated", f"{seq} came again, {how}, when {highest} had come")
        elif seq < highest:
            yield Violation("out of order", f"{seq} came after {highest}, {how}")
        elif fenced:
            yield Violation("after the fence", f"{seq} came after the finalization, {how}")
        seen.add(seq)
        highest = max(highest, seq)
        fenced = fenced or is_finalization(entry)


def _truth(view: View, log: list[Entry]) -> Found:
    for entry, _ in view.deliveries:
        seq = entry["seq"]
        if not 1 <= seq <= len(log):
            yield Violation("untrue", f"{seq} was delivered and is not stored")
        elif entry != log[seq - 1]:
            yield Violation("untrue", f"{seq} was delivered otherwise than it is stored")


def _completeness(view: View, log: list[Entry]) -> Found:
    lost = sorted({*range(1, len(log) + 1)} - {entry["seq"] for entry, _ in view.deliveries})
    if lost:
        yield Violation("lost", f"never got {len(lost)} of {len(log)}, {lost[0]} to {lost[-1]}")


def sends(recording: Recording) -> Found:
    """Acknowledged is stored, as it was acknowledged; refused is not stored; nothing else is stored."""
    stored = {
        (conversation, entry["author"], entry["clientMessageId"]): entry
        for conversation, log in recording.logs.items()
        for entry in _messages(log)
    }
    for send in recording.sends:
        entry = stored.pop((send.conversation, send.author, send.key), None)
        fenced = any(is_finalization(last) for last in recording.logs.get(send.conversation, [])[-1:])
        for kind, text in _outcome(send, entry, fenced=fenced):
            yield Violation(kind, f"{send.key} of {send.author} in {send.conversation}: {text}")
    for (conversation, author, key), entry in stored.items():
        yield Violation("untrue", f"{conversation}: {entry['seq']}, {key} of {author}, was never sent")


def _outcome(send: Send, stored: Entry | None, *, fenced: bool) -> Iterator[tuple[Kind, str]]:
    if not send.answers and not send.refused:
        yield "unanswered", f"neither acknowledged nor refused in {send.tries} tries"
    if send.answers and stored is None:
        yield "lost", f"acknowledged as {send.answers[0]['seq']} and not stored"
    if send.refused and stored is not None:
        yield "untrue", f"refused, and stored as {stored['seq']}"
    if send.refused and not fenced:
        yield "untrue", "refused, and the conversation is not finalized"
    if stored is not None and stored["content"] != send.content:
        yield "untrue", "stored with another content"
    if stored is not None and any(answer != stored for answer in send.answers):
        yield "untrue", f"stored as {stored['seq']} and acknowledged otherwise"


def closings(recording: Recording) -> Found:
    """What finalizing answered is what closes the stored log."""
    for conversation, answers in recording.closings.items():
        log = recording.logs.get(conversation, [])
        last = log[-1] if log else {}
        if not answers:
            yield Violation("unanswered", f"{conversation}: finalizing it was never answered")
        for answer in answers:
            if (answer["seq"], answer["finalizedAt"]) != (last.get("seq"), last.get("finalizedAt")):
                yield Violation("untrue", f"{conversation}: finalized as {answer['seq']} of {len(log)}")
    for conversation, log in recording.logs.items():
        if conversation not in recording.closings and any(is_finalization(entry) for entry in log):
            yield Violation("untrue", f"{conversation}: finalized, and nobody asked for it")


def creations(recording: Recording) -> Found:
    """A key made one conversation, however often it was sent, and nothing else made any."""
    for creation in recording.creations:
        if not creation.ids:
            yield Violation("unanswered", f"the creation {creation.key} was never answered")
        if len(creation.ids) > 1:
            yield Violation("repeated", f"the creation {creation.key} made {len(creation.ids)} conversations")
    made = {conversation for creation in recording.creations for conversation in creation.ids}
    for conversation in sorted(made - recording.logs.keys()):
        yield Violation("lost", f"{conversation}: created and not stored")
    for conversation in sorted(recording.logs.keys() - made):
        yield Violation("repeated", f"{conversation}: stored, and no creation was answered with it")


def _messages(log: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in log if not is_finalization(entry)]


CHECKS = (complaints, logs, views, sends, closings, creations)
