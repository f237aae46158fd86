"""The account of a pair's messages: both get each one once, in order and unchanged."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SETTLE_S = 10.0
POLL_S = 0.05


class Ledger:
    """What the pair sent, what the store acknowledged and what each user got. Reports each observation."""

    def __init__(self, uids: Sequence[str], report: Callable[[dict[str, Any]], None]) -> None:
        self._seen = dict.fromkeys(uids, 0)
        self._sent: dict[str, tuple[str, float]] = {}
        self._stored: dict[int, str] = {}
        self._report = report

    def seen(self, uid: str) -> int:
        """The highest number that the user got."""
        return self._seen[uid]

    def sent(self, key: str, author: str, at: float) -> None:
        """Note a message that its author sent at `at`."""
        self._sent[key] = author, at

    def stored(self, message: Mapping[str, Any]) -> None:
        """Note an acknowledgement."""
        self._stored[message["seq"]] = message["clientMessageId"]

    def delivered(self, uid: str, entry: Mapping[str, Any]) -> None:
        """Note an entry that a user's socket got: it has the next number and somebody sent it."""
        seq, key, last = entry["seq"], entry["clientMessageId"], self._seen[uid]
        if seq <= last:
            self._problem(f"{uid} got an entry again or out of order")
            return
        if seq > last + 1:
            self._problem(f"{uid} missed {seq - last - 1} entries")
        self._seen[uid] = seq
        author, at = self._sent.get(key, ("", 0.0))
        if entry["author"] != author or entry["content"] != f"content of {key}":
            self._problem(f"{uid} got an entry that nobody wrote")
        elif uid != author:
            self._report({"at": at, "kind": "delivery", "ms": round((time.monotonic() - at) * 1000, 1)})
        if self._stored.get(seq, key) != key:
            self._problem(f"{uid} got another entry than was acknowledged")

    async def settle(self) -> None:
        """Wait until both users have every acknowledged entry; one still missing then is lost."""
        newest = max(self._stored, default=0)
        until = time.monotonic() + SETTLE_S
        while min(self._seen.values()) < newest and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
        for uid, seen in self._seen.items():
            if seen < newest:
                self._problem(f"{uid} never got {newest - seen} entries")

    def _problem(self, text: str) -> None:
        self._report({"at": time.monotonic(), "problem": text})
