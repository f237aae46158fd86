"""Who is typing in which room. Held in memory only, and over after a few seconds of silence.

Every instance keeps the time of every typist whom it shows to its sockets, its own and those it
hears of over the bus: when the instance of a typist dies, its typing still ends elsewhere.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from confab.domain.events import TypingState

TYPING_S = 5.0
"""Seconds after which typing ends by itself."""


@dataclass(slots=True)
class _Typist:
    source: str  # the socket, or the instance, that it was last heard from
    end: asyncio.TimerHandle


class Typists:
    """Calls `show` whenever somebody's typing starts, goes on or ends."""

    def __init__(self, show: Callable[[TypingState], None]) -> None:
        self._show = show
        self._typists: dict[tuple[str, str], _Typist] = {}

    def heard(self, state: TypingState, source: str) -> bool:
        """A socket or another instance says so; returns whether that was news to show."""
        key = (state.conversation_id, state.user_id)
        known = self._typists.pop(key, None)
        if known is not None:
            known.end.cancel()
        if state.typing:
            end = asyncio.get_running_loop().call_later(TYPING_S, self._ended, key)
            self._typists[key] = _Typist(source, end)
        elif known is None:
            return False
        self._show(state)
        return True

    def gone(self, conversation_id: str, user_id: str, source: str) -> bool:
        """The socket left; returns whether its user's typing ended with that."""
        known = self._typists.get((conversation_id, user_id))
        if known is None or known.source != source:
            return False
        return self.heard(_stopped(conversation_id, user_id), source)

    def _ended(self, key: tuple[str, str]) -> None:
        del self._typists[key]
        self._show(_stopped(*key))


def _stopped(conversation_id: str, user_id: str) -> TypingState:
    return TypingState(conversation_id=conversation_id, user_id=user_id, typing=False)
