"""The stores and the buses that the suites are run over.

`surreal` is the local server as `make dev` runs it, with reads by a viewer and writes by an editor of
its database; `contended` lets the engine work on several requests at once for an editor, so that
transactions meet and abort each other as they do in production.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from confab.ports.bus import Publisher
from confab.ports.store import Store
from confab.store.surreal import SurrealStore
from tests.support.pubsub import PubSubServer, google_emulator_jar, pubsub_server
from tests.support.pubsub_backends import Backend as Bus
from tests.support.pubsub_backends import Listener, MemoryBackend, PubSubBackend
from tests.support.surrealdb import by_role, define_users, surreal_server
from tests.support.twins.store import MemoryStore


@dataclass(frozen=True)
class Backend:
    """Where the log is; each `connect` is one more process that uses it, as it were."""

    connect: Callable[[], Store]


@pytest_asyncio.fixture(loop_scope="session", scope="session", params=["memory", "surreal", "contended"])
async def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Backend]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Backend(lambda: memory)
        return
    options = ("--concurrency", "8") if request.param == "contended" else ()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(surreal_server(tmp_path_factory.mktemp("db"), *options))

        await define_users(server)

        def connect() -> Store:
            store = SurrealStore(server.account("editor")) if options else by_role(server)
            stack.push_async_callback(store.close)
            return store

        yield Backend(connect)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def stores(backend: Backend) -> list[Store]:
    """Eight instances over one log."""
    return [backend.connect() for _ in range(8)]


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def store(stores: list[Store]) -> Store:
    return stores[0]


Emulator = Callable[[str], Awaitable[PubSubServer]]
Listen = Callable[[], Awaitable[Listener]]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def emulator() -> AsyncIterator[Emulator]:
    """Returns the emulator of a kind, which is started once."""
    async with AsyncExitStack() as ends:
        running: dict[str, PubSubServer] = {}

        async def emulator(kind: str) -> PubSubServer:
            if kind not in running:
                running[kind] = await ends.enter_async_context(_emulator(kind))
            return running[kind]

        yield emulator


def _emulator(kind: str) -> AbstractAsyncContextManager[PubSubServer]:
    if kind == "local":
        return pubsub_server()
    jar = google_emulator_jar()
    if not isinstance(jar, Path):
        pytest.skip(jar)
    return pubsub_server(jar)


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "local", "google"])
async def bus(request: pytest.FixtureRequest, emulator: Emulator) -> Bus:
    return MemoryBackend() if request.param == "memory" else PubSubBackend(await emulator(request.param))


@pytest_asyncio.fixture(loop_scope="module")
async def listen(bus: Bus) -> AsyncIterator[Listen]:
    """Opens a subscription and returns its listener."""
    async with AsyncExitStack() as ends:

        async def listen() -> Listener:
            listener = Listener(bus.subscription())
            ends.push_async_callback(listener.close)
            await listener.until(lambda: listener.subscription.connected)
            return listener

        yield listen


@pytest_asyncio.fixture(loop_scope="module")
async def listener(listen: Listen) -> Listener:
    return await listen()


@pytest_asyncio.fixture(loop_scope="module")
async def publisher(bus: Bus) -> AsyncIterator[Publisher]:
    publisher = bus.publisher()
    yield publisher
    await publisher.close()
