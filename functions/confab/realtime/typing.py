"""Who is typing in which room: in memory only, and for 5 s after the last event.

Every instance keeps a timer for each typist that it shows, also for those of other instances: when a
typist's instance dies, the typing still ends elsewhere.
"""

import asyncio
from collections.abc import Callable

from confab.domain.events import Typing, TypingState
from confab.realtime.rooms import Rooms
from confab.realtime.socketio.server import Server

TYPING_S = 5.0
"""Seconds after which typing ends by itself."""

Key = tuple[str, str]
"""A conversation's id and a uid."""


class TypingIndicators:
    """Shows the typing of a room's users to the sockets of the others, and publishes that of its own.

    A user may type from several sources, sockets of this instance and other instances: typing
    ends with the last one.
    """

    def __init__(self, rooms: Rooms, server: Server, publish: Callable[[TypingState], None]) -> None:
        self._rooms = rooms
        self._server = server
        self._publish = publish
        self._timers: dict[Key, dict[str, asyncio.TimerHandle]] = {}

    def set(self, state: TypingState, sid: str) -> None:
        """Start, continue or end typing from a socket here. An end without a start is not published."""
        if self._update(state, sid):
            self._publish(state)

    def end(self, conversation_id: str, uid: str, sid: str) -> None:
        """End the typing of a socket that leaves a room."""
        if self._end((conversation_id, uid), sid):
            self._publish(TypingState(conversation_id=conversation_id, user_id=uid, typing=False))

    def receive(self, event: Typing) -> None:
        """Show the typing that another instance has published, of participants; it is not trusted."""
        state = event.data
        if not state.typing or self._rooms.has_participant(state.conversation_id, state.user_id):
            self._update(state, event.origin)

    def _update(self, state: TypingState, source: str) -> bool:
        """Returns whether the state was shown."""
        key = (state.conversation_id, state.user_id)
        if not state.typing:
            return self._end(key, source)
        timers = self._timers.setdefault(key, {})
        if (timer := timers.get(source)) is not None:
            timer.cancel()
        timers[source] = asyncio.get_running_loop().call_later(TYPING_S, self._end, key, source)
        self._show(state)
        return True

    def _end(self, key: Key, source: str) -> bool:
        timers = self._timers.get(key, {})
        if (timer := timers.pop(source, None)) is None:
            return False
        timer.cancel()
        if timers:
            return False
        del self._timers[key]
        self._show(TypingState(conversation_id=key[0], user_id=key[1], typing=False))
        return True

    def _show(self, state: TypingState) -> None:
        others = self._rooms.others(state.conversation_id, state.user_id)
        if others:
            self._server.send_event(others, "typing", state)
