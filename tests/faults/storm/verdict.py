"""A broken promise, and when two accounts of a message agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.faults.storm.record import Entry, is_message

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

STATE = ("content", "metadata", "version", "editedAt", "deletedAt", "clientMessageId")
"""What a change of a message may change."""


def agree(got: Entry, stored: Entry) -> bool:
    """Whether these are one entry, of which one may have been read before a change."""
    return (
        got["kind"] == stored["kind"]
        and all(
            agree_in_state(got.get(name), stored[name])
            if name == "message"
            else got.get(name) == stored.get(name)
            for name in got.keys() | stored.keys()
            if name not in ("conversation", *STATE)
        )
        and (not is_message(got) or agree_in_state(got, stored))
    )


def agree_in_state(got: Entry | None, stored: Entry) -> bool:
    """Whether a message is the stored one or an earlier state of it; None and no words withhold it."""
    if got is None or (not got["content"] and not got["deletedAt"]):
        return True
    return got == stored if got["version"] == stored["version"] else got["version"] < stored["version"]
