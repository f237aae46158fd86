"""What a storm must not have done to what clients got."""

from tests.faults.storm.record import (
    Delivery,
    Entry,
    Recording,
    View,
    is_finalization,
    is_removal,
    may_read,
    message_of,
)
from tests.faults.storm.verdict import Found, Violation, agree


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
        elif not agree(entry, log[seq - 1]):
            yield Violation("untrue", f"{seq} was delivered otherwise than it is stored")


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
