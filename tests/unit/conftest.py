"""Operations and rooms in process, on in-memory twins; every response is held to the OpenAPI document."""

from collections.abc import AsyncIterator

import httpx
import pytest

from confab.realtime import rooms, served
from confab.realtime.container import Container
from tests.support.adapters import MemoryAdapters
from tests.support.api import api_client
from tests.support.conformance import rest_document
from tests.support.rooms import ROOM, World
from tests.support.samples import NOW, conversation

DOCUMENT = rest_document()


@pytest.fixture
def adapters():
    return MemoryAdapters(CONFAB_ALLOWED_ORIGINS="https://app.example")


@pytest.fixture
async def client(adapters) -> AsyncIterator[httpx.AsyncClient]:
    async def is_documented(answer: httpx.Response) -> None:
        await answer.aread()
        DOCUMENT.check(answer)

    async with api_client(adapters) as client:
        client.event_hooks = {"response": [is_documented]}
        yield client


@pytest.fixture
async def container(adapters) -> AsyncIterator[Container]:
    """An instance that serves no network."""
    container = Container(adapters)
    yield container
    await container.announcer.close()


@pytest.fixture
async def world(monkeypatch) -> World:
    monkeypatch.setattr(rooms, "GRACE_S", 0.01)
    monkeypatch.setattr(served, "RETRY_S", 0.02)
    world = World()
    await world.store.create(conversation(ROOM), None, now=NOW)
    return world
