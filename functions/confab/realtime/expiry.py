"""Ends sockets whose token has run out."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime


class Expiry:
    """Calls `expired(sid)` when a socket's token is over and was not renewed."""

    def __init__(self, expired: Callable[[str], Awaitable[None]], *, clock_skew_s: float) -> None:
        self._expired = expired
        self._clock_skew_s = clock_skew_s
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def watch(self, sid: str, expires_at: datetime) -> None:
        """The socket's token is good until `expires_at` and the tolerated clock skew beyond."""
        self.forget(sid)
        seconds = expires_at.timestamp() + self._clock_skew_s - time.time()
        self._timers[sid] = asyncio.get_running_loop().call_later(max(seconds, 0), self._end, sid)

    def forget(self, sid: str) -> None:
        """The socket is gone."""
        if (timer := self._timers.pop(sid, None)) is not None:
            timer.cancel()

    def _end(self, sid: str) -> None:
        del self._timers[sid]
        task = asyncio.ensure_future(self._expired(sid))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
