"""What a storm must not have done to edits, deletions and members."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.storm.record import Entry, Recording, Revision, is_message, messages_of
from tests.faults.storm.verdict import Found, Kind, Violation, agree_in_state


def revisions(recording: Recording) -> Found:
    """A message is as its last change made it, and every acknowledged change is an entry."""
    asked: defaultdict[tuple[str, int], list[Revision]] = defaultdict(list)
    for one in recording.revisions:
        asked[one.conversation, one.seq].append(one)
        for kind, text in _revised(one, recording.logs.get(one.conversation, [])):
            yield Violation(kind, f"revision of {one.seq} in {one.conversation}: {text}")
    for conversation, log in recording.logs.items():
        versions = {entry["seq"]: entry["seq"] for entry in messages_of(log)}
        versions |= {e["message"]["seq"]: e["seq"] for e in log if e["kind"] == "message_changed"}
        for entry in messages_of(log):
            where = f"stored {entry['seq']} of {conversation}"
            if entry["version"] != versions[entry["seq"]]:
                yield Violation("untrue", f"{where}: is not as its last change made it")
            if entry["deletedAt"] and entry["content"]:
                yield Violation("deleted", f"{where}: is deleted and has its words")
            changed = {one.content or "" for one in asked[conversation, entry["seq"]]}
            if entry["version"] != entry["seq"] and entry["content"] not in changed:
                yield Violation("untrue", f"{where}: has words that its changes did not give it")


def _revised(one: Revision, log: list[Entry]) -> Iterator[tuple[Kind, str]]:
    if not one.answers and not one.refused:
        yield "unanswered", "neither acknowledged nor refused"
    for answer in one.answers:
        entry = log[answer["version"] - 1] if answer["version"] <= len(log) else None
        if entry is None or entry["kind"] != "message_changed" or entry["message"]["seq"] != one.seq:
            yield "lost", f"acknowledged as {answer['version']}, which is no change of it"
        elif not agree_in_state(answer, log[one.seq - 1]):
            yield "untrue", "stored otherwise than it was acknowledged"


def fences(recording: Recording) -> Found:
    """Whoever wrote had write access at that number. Members are added as writers; a change flips that."""
    for conversation, log in recording.logs.items():
        now = recording.conversations[conversation]
        changed = [entry for entry in log if entry["kind"] == "conversation_changed"]
        barred: set[str] = set()
        for entry in log:
            if entry["kind"] == "conversation_changed":
                changes = entry["changes"]
                barred = (barred | {*changes.get("removed", ())}) - {*changes.get("added", ())}
                barred ^= {*changes.get("access", ())}
            elif is_message(entry) and entry["author"] in barred:
                yield Violation("after the fence", f"{conversation}: {entry['seq']} of {entry['author']}")
        writers = {one["userId"] for one in now["members"] if one["access"] == "write"}
        if changed and barred & writers:
            yield Violation("untrue", f"{conversation}: has other members than its entries made")
    for change in recording.changes:
        log = recording.logs.get(change["id"], [])
        if change["seq"] > len(log):
            yield Violation("lost", f"{change['id']}: acknowledged a change up to {change['seq']}")
