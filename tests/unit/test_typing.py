import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from confab.domain.errors import RateLimited
from confab.domain.events import Typing, TypingState
from confab.domain.rates import Rate
from confab.realtime import typing as typing_module
from confab.realtime.transport import Sent
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
        rate = Rate(0, 5, "typing events in a room", clock=lambda: 0)
        self.typing = TypingIndicators(this, this, self.published.append, rate=rate)

    def __contains__(self, conversation_id: str) -> bool:
        return conversation_id == "c1"

    def others(self, _conversation_id: str, uid: str) -> list[str]:
        return [sid for sid in ("bob", "eve", "onlooker") if sid != uid]

    def send_event(self, sids: Collection[str], event: str, data: TypingState) -> Sent:
        assert (event, data.user_id in sids, "onlooker" in sids) == ("typing", False, True)
        self.shown.append(data)
        return Sent(len(sids), ())

    def receive(self, state: TypingState, conversation_id: str = "c1") -> None:
        self.typing.receive(Typing(conversation_id=conversation_id, data=state, origin="elsewhere", at=NOW))


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(typing_module, "TYPING_S", 0.1)
    return Room()


async def test_typing_expires_on_each_instance_by_itself(room):
    room.typing.set(ON, "s1")
    await asyncio.sleep(0.2)
    assert (room.shown, room.published) == ([ON, OFF], [ON])


async def test_typing_again_defers_the_expiry(room):
    for _ in range(4):
        room.typing.set(ON, "s1")
        await asyncio.sleep(0.05)
    assert OFF not in room.shown
    room.typing.set(OFF, "s1")


async def test_only_typing_that_began_ends_and_with_the_socket_it_came_from(room):
    room.typing.set(OFF, "s1")
    assert (room.shown, room.published) == ([], [])
    room.typing.set(ON, "s1")
    room.typing.end("c1", "bob", "another socket")
    assert room.shown == [ON]
    room.typing.end("c1", "bob", "s1")
    await asyncio.sleep(0.2)
    assert room.shown == room.published == [ON, OFF]


async def test_typing_from_several_sources_ends_with_the_last(room):
    room.typing.set(ON, "s1")
    room.typing.set(ON, "s2")
    room.receive(ON)
    room.typing.end("c1", "bob", "s2")
    room.typing.set(OFF, "s1")
    assert OFF not in room.shown
    room.receive(OFF)
    assert room.shown[-1] == OFF
    assert room.published == [ON, ON]


async def test_typing_in_a_room_without_sockets_is_not_kept(room):
    room.receive(ON.model_copy(update={"conversation_id": "c2"}), "c2")
    assert (room.shown, room.typing._timers) == ([], {})


async def test_two_users_type_apart(room):
    room.typing.set(ON, "s1")
    room.typing.set(state(typing=True, user_id="eve"), "s2")
    room.typing.end("c1", "bob", "s1")
    await asyncio.sleep(0.2)
    assert room.shown[2:] == [OFF, state(typing=False, user_id="eve")]


async def test_starts_are_limited_and_ends_are_not(room):
    room.typing._rate = Rate(1, 5, "typing events in a room", clock=lambda: 0)
    room.typing.set(ON, "s1")
    with pytest.raises(RateLimited):
        room.typing.set(ON, "s1")
    room.typing.set(OFF, "s1")
    assert room.published == [ON, OFF]
