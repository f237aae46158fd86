"""The account of a pair's messages: each is delivered to both, once, in order, in its own words."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SETTLE_S = 10.0
POLL_S = 0.05


class Ledger:
    """What was sent, what was stored and who was told what. `tell` is given each observation."""

    def __init__(self, uids: Sequence[str], tell: Callable[[dict[str, Any]], None]) -> None:
        self._seen = dict.fromkeys(uids, 0)
        self._sent: dict[str, tuple[str, float]] = {}
        self._stored: dict[int, str] = {}
        self._tell = tell

    def seen(self, uid: str) -> int:
        """The newest number that the user was told."""
        return self._seen[uid]

    def sent(self, key: str, author: str, at: float) -> None:
        """Note a message that is on its way since `at`."""
        self._sent[key] = author, at

    def stored(self, message: Mapping[str, Any]) -> None:
        """Note an acknowledgement."""
        self._stored[message["seq"]] = message["clientMessageId"]

    def told(self, uid: str, entry: Mapping[str, Any]) -> None:
        """Note what a user's socket got: the next number, of a message that was sent."""
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
            self._tell({"at": at, "kind": "delivery", "ms": round((time.monotonic() - at) * 1000, 1)})
        if self._stored.get(seq, key) != key:
            self._problem(f"{uid} got another entry than was acknowledged")

    async def settle(self) -> None:
        """Wait until both were told everything that was acknowledged; what is missing then is lost."""
        newest = max(self._stored, default=0)
        until = time.monotonic() + SETTLE_S
        while min(self._seen.values()) < newest and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
        for uid, seen in self._seen.items():
            if seen < newest:
                self._problem(f"{uid} never got {newest - seen} entries")

    def _problem(self, text: str) -> None:
        self._tell({"at": time.monotonic(), "problem": text})
