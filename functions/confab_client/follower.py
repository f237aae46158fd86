"""What a follower has seen of a log: a pure state machine of pages and events."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

MOST_WAITING = 500
"""Entries that nobody took yet; past it the follower reads on from the store once they are taken."""
ERASED_AT_ONCE = 500
"""Numbers in one `erased` event; an erasure of more comes in parts that share its count."""
Json = Mapping[str, Any]


class Follower:
    """Gives out each entry once and in order, whatever arrives, and says when to join again.

    `last` is the number up to which entries were taken or wait; None before the first page.
    """

    def __init__(self, conversation_id: str, after: int | None = None, erasures: int | None = None) -> None:
        self.last = after
        self.live = False
        """Whether live entries continue after `last`; else join after it."""
        self.over: Literal["finalized", "removed", "deleted"] | None = None
        """Why nothing follows what waits."""
        self._id = conversation_id
        self._erasures = erasures
        self._waiting: deque[Json] = deque()

    def take(self) -> Json | None:
        """The next entry, or `erased`; None if there is none now."""
        return self._waiting.popleft() if self._waiting else None

    def page(self, page: Json) -> None:
        """Take what a join after `last` acknowledged."""
        conversation = page["conversation"]
        known, self._erasures = self._erasures, conversation["erasures"]
        if known not in (None, self._erasures):
            self._erased(None, conversation["erasures"])
        if self.last is None:
            self._waiting.extend(page["messages"])
            self.last, self.live = conversation["seq"], True
            if conversation["finalizedAt"] is not None:
                end = {"kind": "finalized", "conversationId": self._id, "seq": self.last}
                self._waiting.append(end | {"finalizedAt": conversation["finalizedAt"]})
        else:
            self.live = True
            for entry in page["entries"]:
                self._entry(entry)
            self.live = self.live and not page["hasMore"]
        if self.live and conversation["finalizedAt"] is not None:
            self.over = "finalized"

    def event(self, name: str, payload: Json) -> None:
        """Take an event of the room."""
        if name == "left":
            self.over, self.live = payload["reason"], False
        elif name == "resync" or len(self._waiting) >= MOST_WAITING:
            self.live = False
        elif name == "erased":
            self._take_erased(payload)
        elif name == payload.get("kind"):
            self._entry(payload)

    def _entry(self, entry: Json) -> None:
        if not self.live or self.last is None or entry["seq"] <= self.last:
            return
        if entry["seq"] > self.last + 1:
            self.live = False  # a gap: a join after `last` fills it
            return
        self.last = entry["seq"]
        self._waiting.append(entry)
        if entry["kind"] == "finalized":
            self.over = "finalized"

    def _take_erased(self, payload: Json) -> None:
        known, count = self._erasures, payload["erasures"]
        if known is None or count < known:
            return  # the page that is awaited has it, or it is an old one
        missed = count > known + 1
        if missed or len(payload["seqs"]) < ERASED_AT_ONCE:
            self._erasures = count
        self._erased(None if missed else payload["seqs"], count)

    def _erased(self, seqs: list[int] | None, count: int) -> None:
        self._waiting.append({"kind": "erased", "conversationId": self._id, "erasures": count, "seqs": seqs})
