"""What a storm must not have done: pure judgement over what it wrote down."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.faults.storm.record import Delivery, Entry, Recording, Send, View, is_finalization, same

Kind = Literal["lost", "repeated", "out of order", "after the fence", "untrue", "unanswered", "complaint"]
KINDS: tuple[Kind, ...] = (
    "lost",
    "repeated",
    "out of order",
    "after the fence",
    "untrue",
    "unanswered",
    "complaint",
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken, and where."""

    kind: Kind
    text: str
    client: str = ""


def violations(recording: Recording) -> list[Violation]:
    """Everything that is wrong; empty if every promise was kept."""
    found = [Violation("complaint", text) for text in recording.complaints]
    for conversation, log in recording.logs.items():
        found += _log(conversation, log)
    for view in recording.views:
        found += _view(view, recording.logs[view.conversation])
    found += _sends(recording)
    found += _closings(recording)
    found += _creations(recording)
    return found


def _log(conversation: str, log: list[Entry]) -> Iterator[Violation]:
    """The stored log is numbered 1, 2, 3 …, and the finalization has its last number."""
    where = f"stored log of {conversation}"
    if [entry["seq"] for entry in log] != list(range(1, len(log) + 1)):
        yield Violation("out of order", f"{where}: is not numbered 1 to {len(log)}")
    fence = next((at for at, entry in enumerate(log) if is_finalization(entry)), len(log))
    for entry in log[fence + 1 :]:
        yield Violation("after the fence", f"{where}: {entry['seq']} is stored after the finalization")
    keys = Counter((entry["author"], entry["clientMessageId"]) for entry in log if not is_finalization(entry))
    for (author, key), times in keys.items():
        if times > 1:
            yield Violation("repeated", f"{where}: {key} of {author} is stored {times} times")


def _view(view: View, log: list[Entry]) -> Iterator[Violation]:
    """A client got the stored log: each entry once, in order and unchanged."""
    where = f"{view.client} in {view.conversation}"

    def violation(kind: Kind, text: str) -> Violation:
        return Violation(kind, f"{where}: {text}", view.client)

    seen: set[int] = set()
    highest = 0
    fenced = False
    for delivery in view.deliveries:
        seq = delivery.seq
        if seq in seen:
            yield violation("repeated", f"{seq} came again, {_how(delivery)}, when {highest} had come")
        elif seq < highest:
            yield violation("out of order", f"{seq} came after {highest}, {_how(delivery)}")
        elif fenced:
            yield violation("after the fence", f"{seq} came after the finalization")
        if not 1 <= seq <= len(log):
            yield violation("untrue", f"{seq} was delivered and is not stored")
        elif not same(delivery.entry, log[seq - 1]):
            yield violation("untrue", f"{seq} was delivered otherwise than it is stored")
        seen.add(seq)
        highest = max(highest, seq)
        fenced = fenced or is_finalization(delivery.entry)
    lost = [seq for seq in range(1, len(log) + 1) if seq not in seen]
    if lost:
        yield violation("lost", f"never got {_ranges(lost)} of {len(log)}")


def _sends(recording: Recording) -> Iterator[Violation]:
    """Acknowledged is stored, as it was acknowledged; refused is not stored; nothing else is stored."""
    stored = {
        (conversation, entry["author"], entry["clientMessageId"]): entry
        for conversation, log in recording.logs.items()
        for entry in log
        if not is_finalization(entry)
    }
    for send in recording.sends:
        yield from _send(send, stored.pop((send.conversation, send.author, send.key), None), recording)
    for (conversation, author, key), entry in stored.items():
        yield Violation("untrue", f"{conversation}: {entry['seq']}, {key} of {author}, was never sent")


def _send(send: Send, stored: Entry | None, recording: Recording) -> Iterator[Violation]:
    where = f"{send.key} of {send.author} in {send.conversation}"
    if not send.answers and not send.refused:
        yield Violation("unanswered", f"{where}: neither acknowledged nor refused in {send.tries} tries")
    if send.answers and stored is None:
        yield Violation("lost", f"{where}: acknowledged as {send.answers[0]['seq']} and not stored")
    if send.refused and stored is not None:
        yield Violation("untrue", f"{where}: refused, and stored as {stored['seq']}")
    if send.refused and not any(is_finalization(entry) for entry in recording.logs[send.conversation]):
        yield Violation("untrue", f"{where}: refused, and the conversation is not finalized")
    if stored is not None and stored["content"] != send.content:
        yield Violation("untrue", f"{where}: stored with another content")
    for answer in send.answers:
        if stored is not None and not same(answer, stored):
            yield Violation(
                "untrue", f"{where}: acknowledged as {answer['seq']} and stored as {stored['seq']}"
            )


def _closings(recording: Recording) -> Iterator[Violation]:
    """What finalizing answered is what closes the stored log."""
    for conversation, answers in recording.closings.items():
        log = recording.logs[conversation]
        if not answers:
            yield Violation("unanswered", f"{conversation}: finalizing it was never answered")
        for answer in answers:
            last = log[-1] if log else {}
            if (answer["seq"], answer["finalizedAt"]) != (last.get("seq"), last.get("finalizedAt")):
                yield Violation("untrue", f"{conversation}: finalized as {answer['seq']} of {len(log)}")
    for conversation, log in recording.logs.items():
        if conversation not in recording.closings and any(is_finalization(entry) for entry in log):
            yield Violation("untrue", f"{conversation}: finalized, and nobody asked for it")


def _creations(recording: Recording) -> Iterator[Violation]:
    """A key made one conversation, however often it was sent, and nothing else made any."""
    made: set[str] = set()
    for creation in recording.creations:
        if not creation.ids:
            yield Violation("unanswered", f"the creation {creation.key} was never answered")
        if len(creation.ids) > 1:
            yield Violation("repeated", f"the creation {creation.key} made {len(creation.ids)} conversations")
        made |= creation.ids
    stored = set[str]().union(*recording.owned.values())
    for conversation in sorted(made - stored):
        yield Violation("lost", f"{conversation}: created and not stored")
    for conversation in sorted(stored - made):
        yield Violation("repeated", f"{conversation}: stored, and no creation was answered with it")


def counts(found: Sequence[Violation]) -> Mapping[Kind, int]:
    """How many violations there are of each kind."""
    counted = Counter(violation.kind for violation in found)
    return {kind: counted[kind] for kind in KINDS}


def _how(delivery: Delivery) -> str:
    return "live" if delivery.live else "in the answer to a join"


def _ranges(numbers: list[int]) -> str:
    """`3, 5 to 9`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in ranges)
