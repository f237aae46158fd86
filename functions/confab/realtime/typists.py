"""Who is typing in which room. Held in memory only, and over after a few seconds of silence.

Every instance keeps the time of every typist whom it shows to its sockets, its own and those it
hears of over the bus: when the instance of a typist dies, its typing still ends elsewhere.
"""

import asyncio
from collections.abc import Callable

from confab.domain.events import TypingState

TYPING_S = 5.0
"""Seconds after which typing ends by itself."""


class Typists:
    """Calls `show` whenever somebody's typing starts, goes on or ends.

    A user may type from several sockets, and instances, at once: typing ends with the last one.
    """

    def __init__(self, show: Callable[[TypingState], None]) -> None:
        self._show = show
        self._typists: dict[tuple[str, str], dict[str, asyncio.TimerHandle]] = {}

    def heard(self, state: TypingState, source: str) -> bool:
        """A socket or another instance says so; returns whether that was news to show."""
        key = (state.conversation_id, state.user_id)
        if not state.typing:
            return self._end(key, source)
        sources = self._typists.setdefault(key, {})
        if (known := sources.get(source)) is not None:
            known.cancel()
        sources[source] = asyncio.get_running_loop().call_later(TYPING_S, self._end, key, source)
        self._show(state)
        return True

    def gone(self, conversation_id: str, user_id: str, source: str) -> bool:
        """The socket left; returns whether its user's typing ended with that."""
        return self._end((conversation_id, user_id), source)

    def _end(self, key: tuple[str, str], source: str) -> bool:
        sources = self._typists.get(key, {})
        if (known := sources.pop(source, None)) is None:
            return False
        known.cancel()
        if sources:
            return False
        del self._typists[key]
        self._show(TypingState(conversation_id=key[0], user_id=key[1], typing=False))
        return True
