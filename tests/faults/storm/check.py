"""What a storm must not have done: pure judgement over what it wrote down."""

from collections import Counter
from collections.abc import Iterator

from tests.faults.storm.check_changes import fences, revisions
from tests.faults.storm.check_views import deletions, views
from tests.faults.storm.record import Entry, Recording, Send, is_finalization, is_removal, messages_of
from tests.faults.storm.verdict import Found, Kind, Violation, agree


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
        if log and log[-1]["seq"] != recording.conversations[conversation]["seq"]:
            yield Violation("untrue", f"{where}: does not end where the conversation says")
        keys = Counter(
            (entry["author"], entry["clientMessageId"])
            for entry in messages_of(log)
            if not entry["deletedAt"]
        )
        for (author, key), times in keys.items():
            if times > 1:
                yield Violation("repeated", f"{where}: {key} of {author} is stored {times} times")


def sends(recording: Recording) -> Found:
    """Acknowledged is stored, as it was acknowledged; refused is not stored; nothing else is stored."""
    stored = {
        (conversation, entry["author"], entry["clientMessageId"] or entry["seq"]): entry
        for conversation, log in recording.logs.items()
        for entry in messages_of(log)
    }
    for send in recording.sends:
        entry = stored.pop((send.conversation, send.author, send.key), None)
        if entry is None and send.answers:  # a deleted message has no key any more
            entry = stored.pop((send.conversation, send.author, send.answers[0]["seq"]), None)
        log = recording.logs.get(send.conversation, [])
        for kind, text in _outcome(send, entry, log):
            yield Violation(kind, f"{send.key} of {send.author} in {send.conversation}: {text}")
    for (conversation, author, key), entry in stored.items():
        yield Violation("untrue", f"{conversation}: {entry['seq']}, {key} of {author}, was never sent")


def _outcome(send: Send, stored: Entry | None, log: list[Entry]) -> Iterator[tuple[Kind, str]]:
    if not send.answers and not send.refused:
        yield "unanswered", f"neither acknowledged nor refused in {send.tries} tries"
    if send.answers and stored is None:
        yield "lost", f"acknowledged as {send.answers[0]['seq']} and not stored"
    lapses = send.refused in ("not_found", "forbidden")  # an earlier try may come when it has lapsed
    if send.refused and stored is not None and not (lapses and send.tries > 1):
        yield "untrue", f"refused, and stored as {stored['seq']}"
    if send.refused and not any(_bars(entry, send) for entry in log):
        yield "untrue", f"refused as {send.refused}, for no reason"
    if stored is None:
        return
    if stored["version"] == stored["seq"] and stored["content"] != send.content:
        yield "untrue", "stored with another content"
    if any(answer["seq"] != stored["seq"] or not agree(answer, stored) for answer in send.answers):
        yield "untrue", f"stored as {stored['seq']} and acknowledged otherwise"


def _bars(entry: Entry, send: Send) -> bool:
    """Whether this entry is the reason of such a refusal."""
    if send.refused == "conversation_finalized":
        return is_finalization(entry)
    if send.refused == "not_found":
        return is_removal(entry, send.author)
    return entry["kind"] == "conversation_changed" and send.author in entry["changes"].get("access", ())


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


CHECKS = (complaints, logs, views, deletions, sends, revisions, fences, closings, creations)
