"""A store and a bus for all integration tests, and a world of two realtime instances for each."""

import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from confab.realtime import rooms
from confab.store.surreal import SurrealStore
from tests.support.echo_server import echo_server
from tests.support.lost_answers import LosingProxy, losing_proxy
from tests.support.poller import Poller
from tests.support.pubsub import PubSubServer, pubsub_server
from tests.support.samples import NOW, conversation
from tests.support.surrealdb import SurrealServer, migrate, surreal_server, surreal_store
from tests.support.world import World


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store_server() -> AsyncIterator[SurrealServer]:
    with tempfile.TemporaryDirectory() as folder:
        async with surreal_server(Path(folder) / "store") as server:
            yield server


@pytest.fixture
def database(store_server: SurrealServer) -> Iterator[SurrealServer]:
    """The server of all tests with a new, empty database; a test may freeze the server, but not kill it."""
    yield (database := store_server.with_database())
    database.thaw()


@pytest.fixture
async def server(database: SurrealServer) -> SurrealServer:
    """The same with the schema."""
    await migrate(database)
    return database


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bus_server() -> AsyncIterator[PubSubServer]:
    async with pubsub_server() as server:
        yield server


@pytest.fixture
def quick_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms that read what the bus did not name four times as often."""
    monkeypatch.setattr(rooms, "SWEEP_S", rooms.SWEEP_S / 4)


@pytest.fixture
async def world(store_server: SurrealServer, bus_server: PubSubServer) -> AsyncIterator[World]:
    async with World(store_server, bus_server).running() as world:
        yield world


@pytest.fixture
async def proxy(server: SurrealServer) -> AsyncIterator[LosingProxy]:
    async with losing_proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def store(server: SurrealServer, proxy: LosingProxy) -> AsyncIterator[SurrealStore]:
    """A store that is reached through the proxy and has the conversation c1."""
    store = surreal_store(proxy, database=server.database)
    await store.create(conversation(), None, now=NOW)
    yield store
    await store.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def url(caplog) -> AsyncIterator[str]:
    """The address of a server that echoes, and logs no error."""
    async with echo_server() as url:
        yield url
    assert [each for each in caplog.get_records("call") if each.levelno >= logging.ERROR] == []


@pytest.fixture
async def poller(world: World, http: aiohttp.ClientSession) -> Poller:
    """An admitted socket of alice's that polls."""
    return await Poller(http, world.urls[0]).admitted("alice")
