import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from confab.domain.events import Typing, TypingState
from confab.realtime import typing as typing_module
from confab.realtime.socketio.api import Sent
from confab.realtime.typing import TypingIndicators
from tests.support.samples import NOW


def state(typing: bool, user_id: str = "bob") -> TypingState:
    return TypingState(conversation_id="c1", user_id=user_id, typing=typing)


ON, OFF = state(typing=True), state(typing=False)


class Room:
    """The room c1 with a socket each of three users; what they are shown, and what is published."""

    def __init__(self) -> None:
        self.shown: list[TypingState] = []
        self.published: list[TypingState] = []
        this: Any = self
        self.typing = TypingIndicators(this, this, self.published.append)

    def has_participant(self, conversation_id: str, uid: str) -> bool:
        return (conversation_id, uid) in {("c1", "bob"), ("c1", "eve")}

    def others(self, _conversation_id: str, uid: str) -> list[str]:
        return [sid for sid in ("bob", "eve", "onlooker") if sid != uid]

    def send_event(self, sids: Collection[str], event: str, data: TypingState) -> Sent:
        assert (event, data.user_id in sids, "onlooker" in sids) == ("typing", False, True)
        self.shown.append(data)
        return Sent(len(sids), ())

    def receive(self, state: TypingState, conversation_id: str = "c1") -> None:
        self.typing.receive(Typing(conversation_id=conversation_id, data=state, origin="i2", at=NOW))


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(typing_module, "TYPING_S", 0.3)
    return Room()


PAUSE = None
EXPIRED = (PAUSE,) * 4
EVE = state(typing=True, user_id="eve")


COURSES: dict[str, Any] = {
    "expires by itself": ([("s1", ON), *EXPIRED], [ON, OFF], [ON]),
    "is deferred": ([("s1", ON), PAUSE] * 4, [ON] * 4, [ON] * 4),
    "has not begun": ([("s1", OFF)], [], []),
    "ends with its socket": ([("s1", ON), ("s2", "left"), ("s1", "left"), *EXPIRED], [ON, OFF], [ON, OFF]),
    "continues elsewhere": (
        [("s1", ON), ("s2", ON), ("i2", ON), ("s2", "left"), ("s1", OFF)],
        [ON] * 3,
        [ON] * 2,
    ),
    "ends elsewhere": ([("s1", ON), ("i2", ON), ("s1", OFF), ("i2", OFF)], [ON, ON, OFF], [ON]),
    "of two users": ([("s1", ON), ("s2", EVE), ("s1", "left")], [ON, EVE, OFF], [ON, EVE, OFF]),
}
"""What happens to the typing from sockets, and from the instance i2; what is shown and published of it."""


@pytest.mark.parametrize(("steps", "shown", "published"), COURSES.values(), ids=COURSES)
async def test_typing_is_shown_until_it_ends(room, steps, shown, published):
    for step in steps:
        if step is PAUSE:
            await asyncio.sleep(0.1)
        elif step[1] == "left":
            room.typing.end("c1", "bob", step[0])
        elif step[0] == "i2":
            room.receive(step[1])
        else:
            room.typing.set(step[1], step[0])
    assert (room.shown, room.published) == (shown, published)


async def test_typing_in_a_room_without_sockets_or_of_who_takes_no_part_is_not_kept(room):
    room.receive(ON.model_copy(update={"conversation_id": "c2"}), "c2")
    room.receive(state(typing=True, user_id="onlooker"))
    room.receive(state(typing=False, user_id="onlooker"))
    assert (room.shown, room.typing._timers) == ([], {})
