import asyncio

import pytest

from confab.domain.events import TypingState
from confab.realtime import typists as typists_module
from confab.realtime.typists import Typists


def state(typing: bool, user_id: str = "bob") -> TypingState:
    return TypingState(conversation_id="c1", user_id=user_id, typing=typing)


@pytest.fixture
def shown():
    return []


@pytest.fixture
def typists(shown, monkeypatch):
    monkeypatch.setattr(typists_module, "TYPING_S", 0.1)
    return Typists(shown.append)


async def test_typing_ends_by_itself(typists, shown):
    typists.heard(state(typing=True), "s1")
    await asyncio.sleep(0.2)
    assert shown == [state(typing=True), state(typing=False)]


async def test_typing_on_puts_the_end_off(typists, shown):
    for _ in range(4):
        typists.heard(state(typing=True), "s1")
        await asyncio.sleep(0.05)
    assert state(typing=False) not in shown
    typists.heard(state(typing=False), "s1")


async def test_an_end_without_a_start_is_no_news(typists, shown):
    assert not typists.heard(state(typing=False), "s1")
    assert shown == []


async def test_typing_ends_with_the_socket_it_came_from(typists, shown):
    typists.heard(state(typing=True), "s1")
    assert not typists.gone("c1", "bob", "another socket")
    assert typists.gone("c1", "bob", "s1")
    assert shown == [state(typing=True), state(typing=False)]
    await asyncio.sleep(0.2)
    assert len(shown) == 2


async def test_typing_from_two_sockets_ends_with_the_last(typists, shown):
    typists.heard(state(typing=True), "s1")
    typists.heard(state(typing=True), "s2")
    assert not typists.gone("c1", "bob", "s2")
    assert not typists.heard(state(typing=False), "s2")
    assert state(typing=False) not in shown
    assert typists.heard(state(typing=False), "s1")
    assert shown[-1] == state(typing=False)


async def test_two_typists_end_apart(typists, shown):
    typists.heard(state(typing=True), "s1")
    typists.heard(state(typing=True, user_id="eve"), "s2")
    typists.gone("c1", "bob", "s1")
    await asyncio.sleep(0.2)
    assert shown[2:] == [state(typing=False), state(typing=False, user_id="eve")]
