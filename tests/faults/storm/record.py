"""What a storm writes down while it runs, for the checks afterwards."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Entry = Mapping[str, Any]
"""A message or a finalization, as clients get it."""


class Delivery(NamedTuple):
    """An entry that a client got."""

    entry: Entry
    live: bool
    """Whether it came as an event, and not in the answer to a join."""


@dataclass(slots=True)
class View:
    """Everything that a client got of a conversation, through all its joins, in order."""

    client: str
    conversation: str
    deliveries: list[Delivery] = field(default_factory=list)
    last: int = 0
    """The highest number seen: where the next join continues."""
    complete: bool = False
    """Whether the finalization was seen."""

    def take(self, entry: Entry, *, live: bool) -> None:
        """Append an entry that the client got."""
        self.deliveries.append(Delivery(entry, live))
        self.last = max(self.last, entry["seq"])
        self.complete = self.complete or is_finalization(entry)


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
    refused: bool = False
    """Whether it was refused, the conversation being finalized."""


@dataclass(slots=True)
class Creation:
    """A conversation that somebody wants to have, through all its tries."""

    key: str
    ids: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Recording:
    """A whole storm."""

    sends: list[Send] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    creations: list[Creation] = field(default_factory=list)
    closings: dict[str, list[Entry]] = field(default_factory=dict)
    """By conversation: what finalizing it answered, the conversation, each time."""
    logs: dict[str, list[Entry]] = field(default_factory=dict)
    """By conversation: the log that is stored in the end."""
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
    return "finalizedAt" in entry
