"""What a storm must not have done: pure judgement over what it wrote down."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tests.faults.storm.record import (
    Delivery,
    Entry,
    Recording,
    Revision,
    Send,
    View,
    is_finalization,
    is_message,
    is_removal,
    may_read,
    message_of,
)

Kind = Literal[
    "lost",
    "repeated",
    "out of order",
    "after the fence",
    "untrue",
    "deleted",
    "stale",
    "unanswered",
    "complaint",
]


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
        if log and log[-1]["seq"] != recording.conversations[conversation]["seq"]:
            yield Violation("untrue", f"{where}: does not end where the conversation says")
        keys = Counter(
            (entry["author"], entry["clientMessageId"]) for entry in _messages(log) if not entry["deletedAt"]
        )
        for (author, key), times in keys.items():
            if times > 1:
                yield Violation("repeated", f"{where}: {key} of {author} is stored {times} times")


def views(recording: Recording) -> Found:
    """A client got the stored log: each entry once, in order and unchanged."""
    for view in recording.views:
        log = recording.logs.get(view.conversation, [])
        conversation = recording.conversations.get(view.conversation)
        stays = conversation is not None and may_read(conversation, view.user)
        state = _state(view, log, conversation) if conversation is not None and stays else ()
        found = (*_order(view), *_truth(view, log), *_completeness(view, log, stays=stays))
        for violation in (*found, *_removals(view, log), *state):
            yield Violation(violation.kind, f"{view.client} in {view.conversation}: {violation.text}")


def _order(view: View) -> Found:
    seen: set[int] = set()
    highest, fenced = 0, False
    for delivery in view.deliveries:
        entry = delivery.entry
        seq, how = entry["seq"], "live" if delivery.live else "in the answer to a join"
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
        elif not _agree(entry, log[seq - 1]):
            yield Violation("untrue", f"{seq} was delivered otherwise than it is stored")


def _agree(got: Entry, stored: Entry) -> bool:
    """Whether these are one entry, of which one may have been read before a change."""
    return (
        got["kind"] == stored["kind"]
        and all(
            _agree_in_state(got.get(name), stored[name])
            if name == "message"
            else got.get(name) == stored.get(name)
            for name in got.keys() | stored.keys()
            if name not in ("conversation", *STATE)
        )
        and (not is_message(got) or _agree_in_state(got, stored))
    )


def _agree_in_state(got: Entry | None, stored: Entry) -> bool:
    """Whether a message is the stored one or an earlier state of it; None and no words withhold it."""
    if got is None or (not got["content"] and not got["deletedAt"]):
        return True
    return got == stored if got["version"] == stored["version"] else got["version"] < stored["version"]


def _completeness(view: View, log: list[Entry], *, stays: bool) -> Found:
    last = len(log) if stays else view.last
    lost = sorted({*range(1, last + 1)} - {entry["seq"] for entry, _ in view.deliveries})
    if lost:
        yield Violation("lost", f"never got {len(lost)} of {len(log)}, {lost[0]} to {lost[-1]}")


def _removals(view: View, log: list[Entry]) -> Found:
    """Nothing later than a removal came before its user was let in again."""
    for removal in (entry["seq"] for entry in log if is_removal(entry, view.user)):
        back = next((entry["seq"] for entry in log[removal:] if _adds(entry, view.user)), None)
        later = [each for each in view.deliveries if each.entry["seq"] > removal]
        if later and (back is None or later[0].live):
            yield Violation("after the fence", f"got {later[0].entry['seq']} after its removal, {removal}")
        if back is None and any(_made_by(each.entry) > removal for each in view.deliveries):
            yield Violation("after the fence", f"got a state that was made after its removal, {removal}")
    for count in view.dismissals:
        if count == 0 or not is_removal(view.deliveries[count - 1].entry, view.user):
            yield Violation("out of order", f"was dismissed after {count} entries, the last no removal")
    if view.denied and not any(is_removal(entry, view.user) for entry in log):
        yield Violation("untrue", "was denied what it may read")


def _adds(entry: Entry, uid: str) -> bool:
    return entry["kind"] == "conversation_changed" and uid in entry["changes"].get("added", ())


def _made_by(entry: Entry) -> int:
    """The number of the entry that made what this one carries."""
    if entry["kind"] == "conversation_changed":
        return int((entry["conversation"] or entry)["seq"])
    return int((message_of(entry) or {"version": entry["seq"]})["version"])


def _state(view: View, log: list[Entry], conversation: Entry) -> Found:
    """The highest versions that a client got are what is read afresh."""
    held: dict[int, Entry] = {}
    for entry, _ in view.deliveries:
        message = message_of(entry)
        if message is not None and message["version"] >= held.get(message["seq"], message)["version"]:
            held[message["seq"]] = message
    stale = [seq for seq, message in held.items() if seq <= len(log) and message != log[seq - 1]]
    if stale:
        yield Violation("stale", f"has {len(stale)} messages otherwise than they are, {stale[0]} first")
    if view.state is None or any(view.state[name] != conversation[name] for name in ("title", "members")):
        yield Violation("stale", "has the conversation otherwise than it is")


def deletions(recording: Recording) -> Found:
    """No client gets the words of a message once that is known to be deleted."""
    acknowledged = {
        (one.conversation, one.seq): one.acknowledged
        for one in reversed(recording.revisions)
        if one.content is None and one.answers
    }
    for view in recording.views:
        gone: set[int] = set()
        log = recording.logs.get(view.conversation, [])
        for delivery in view.deliveries:
            message = message_of(delivery.entry)
            if message is None:
                continue
            at = acknowledged.get((view.conversation, message["seq"]))
            where = f"{view.client} in {view.conversation}: {delivery.entry['seq']}"
            if message["content"] and at is not None and delivery.asked is not None and delivery.asked > at:
                yield Violation("deleted", f"{where} was asked for after the deletion and has the words")
            if message["content"] and message["seq"] in gone:
                yield Violation("deleted", f"{where} came after the deletion and has the words")
            if _deletes(delivery, log):
                gone.add(message["seq"])
                if message["content"]:
                    yield Violation("deleted", f"{where} deletes and has the words")


def _deletes(delivery: Delivery, log: list[Entry]) -> bool:
    entry = delivery.entry
    message = message_of(entry)
    if entry["kind"] != "message_changed" or message is None or message["seq"] > len(log):
        return False
    stored = log[message["seq"] - 1]
    return bool(stored["deletedAt"]) and stored["version"] == entry["seq"]


def revisions(recording: Recording) -> Found:
    """A message is as its last change made it, and every acknowledged change is an entry."""
    asked: defaultdict[tuple[str, int], list[Revision]] = defaultdict(list)
    for one in recording.revisions:
        asked[one.conversation, one.seq].append(one)
        for kind, text in _revised(one, recording.logs.get(one.conversation, [])):
            yield Violation(kind, f"revision of {one.seq} in {one.conversation}: {text}")
    for conversation, log in recording.logs.items():
        versions = {entry["seq"]: entry["seq"] for entry in _messages(log)}
        versions |= {e["message"]["seq"]: e["seq"] for e in log if e["kind"] == "message_changed"}
        for entry in _messages(log):
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
        elif not _agree_in_state(answer, log[one.seq - 1]):
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


def sends(recording: Recording) -> Found:
    """Acknowledged is stored, as it was acknowledged; refused is not stored; nothing else is stored."""
    stored = {
        (conversation, entry["author"], entry["clientMessageId"] or entry["seq"]): entry
        for conversation, log in recording.logs.items()
        for entry in _messages(log)
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
    if send.refused and stored is not None and not (send.refused == "not_found" and send.tries > 1):
        yield "untrue", f"refused, and stored as {stored['seq']}"
    if send.refused and not any(_bars(entry, send) for entry in log):
        yield "untrue", f"refused as {send.refused}, for no reason"
    if stored is None:
        return
    if stored["version"] == stored["seq"] and stored["content"] != send.content:
        yield "untrue", "stored with another content"
    if any(answer["seq"] != stored["seq"] or not _agree(answer, stored) for answer in send.answers):
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


def _messages(log: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in log if is_message(entry)]


STATE = ("content", "metadata", "version", "editedAt", "deletedAt", "clientMessageId")
"""What a change of a message may change."""
CHECKS = (complaints, logs, views, deletions, sends, revisions, fences, closings, creations)
