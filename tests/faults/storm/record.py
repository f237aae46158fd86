"""What a storm writes down while it runs, for the checks afterwards."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Entry = Mapping[str, Any]
"""An entry of any kind, as clients get it; or the message or conversation that a write answered."""


class Delivery(NamedTuple):
    """An entry that a client got."""

    entry: Entry
    asked: float | None = None
    """When the join set out that it answers; None if it came as an event."""

    @property
    def live(self) -> bool:
        return self.asked is None


@dataclass(slots=True)
class View:
    """Everything that a client got of a conversation, through all its joins, in order."""

    client: str
    user: str
    conversation: str
    deliveries: list[Delivery] = field(default_factory=list)
    last: int = 0
    """The highest number seen: where the next join continues."""
    complete: bool = False
    """Whether the finalization was seen."""
    dismissals: list[int] = field(default_factory=list)
    """How many entries it had each time it was told that its user was removed."""
    denied: bool = False
    """Whether a join was ever refused as a stranger's."""
    state: Entry | None = None
    """The newest state of the conversation itself."""

    def take(self, entry: Entry, asked: float | None = None) -> None:
        """Append an entry that the client got."""
        self.deliveries.append(Delivery(entry, asked))
        if entry["kind"] == "conversation_changed":
            self.adopt(entry["conversation"])
        self.last = max(self.last, entry["seq"])
        self.complete = self.complete or is_finalization(entry)

    def adopt(self, conversation: Entry | None) -> None:
        """Keep the newest state of the conversation."""
        if conversation is not None and (self.state is None or conversation["seq"] >= self.state["seq"]):
            self.state = conversation


@dataclass(slots=True)
class Send:
    """A message that somebody wants to have stored, through all its tries."""

    conversation: str
    author: str
    key: str
    content: str
    tries: int = 0
    answers: list[Entry] = field(default_factory=list)
    """What acknowledged it: the stored message, once for every time that it was asked for."""
    refused: str | None = None
    """The code with which it was refused for good."""


@dataclass(slots=True)
class Revision:
    """An edit of a message or its deletion, through all its tries."""

    conversation: str
    seq: int
    content: str | None
    """The new words; None deletes."""
    answers: list[Entry] = field(default_factory=list)
    acknowledged: float = 0.0
    """When it was answered."""
    refused: str | None = None


@dataclass(slots=True)
class Creation:
    """A conversation that somebody wants to have, through all its tries."""

    key: str
    ids: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Recording:
    """A whole storm."""

    sends: list[Send] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    changes: list[Entry] = field(default_factory=list)
    """What changes of title and members answered: the conversation."""
    views: list[View] = field(default_factory=list)
    creations: list[Creation] = field(default_factory=list)
    closings: dict[str, list[Entry]] = field(default_factory=dict)
    """By conversation: what finalizing it answered, the conversation, each time."""
    logs: dict[str, list[Entry]] = field(default_factory=dict)
    """By conversation: the log that is stored in the end."""
    conversations: dict[str, Entry] = field(default_factory=dict)
    """By id: the conversations as they are in the end."""
    complaints: list[str] = field(default_factory=list)
    """Events and answers that no client may get."""
    faults: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By kind of fault: seconds from the return of what was broken until all works again."""
    bus: Counter[str] = field(default_factory=Counter)
    """What became of the bus's messages."""
    errors: Counter[str] = field(default_factory=Counter)
    """What the processes logged as an error, by process and message."""
    _shared: dict[str, Entry] = field(default_factory=dict)

    def shared(self, entry: Entry) -> Entry:
        """The same entry, kept once however many clients get it."""
        return self._shared.setdefault(json.dumps(entry, sort_keys=True), entry)


def is_finalization(entry: Entry) -> bool:
    """Whether this entry closes its log."""
    return bool(entry["kind"] == "finalized")


def is_removal(entry: Entry, uid: str) -> bool:
    """Whether this entry removes that member."""
    return entry["kind"] == "conversation_changed" and uid in entry["changes"].get("removed", ())


def is_message(entry: Entry) -> bool:
    return bool(entry["kind"] == "message")


def message_of(entry: Entry) -> Entry | None:
    """The state of a message that an entry carries, if any."""
    if is_message(entry):
        return entry
    return entry["message"] if entry["kind"] == "message_changed" else None


def may_read(conversation: Entry, uid: str) -> bool:
    """Whether a user is the owner or a member."""
    return uid == conversation["owner"] or any(one["userId"] == uid for one in conversation["members"])


def messages_of(log: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in log if is_message(entry)]
