"""The stores that one suite is run over.

`surreal` is the local server as `make dev` runs it; `contended` lets the engine work on several
requests at once, so that transactions meet and abort each other as they do in production.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from confab.ports import Store
from tests.support.surrealdb import surreal_server, surreal_store
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

        def connect() -> Store:
            store = surreal_store(server)
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
