"""The embedded SurrealDB engine, shared by every connection of the server."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from surrealdb.data.cbor import encode
from surrealdb_embedded import AsyncEmbeddedDB


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespace and database that a connection works in."""

    namespace: str
    database: str


NOWHERE = Scope("", "")
"""The scope of a connection before its `use`, which holds no data."""


class EngineError(Exception):
    """The engine cannot be opened; the message is one line."""


class Engine:
    """One open datastore. It has a single session, so it runs the requests of one scope at a time.

    Up to `concurrency` requests overlap. With 1 no transaction conflicts; with more, transactions that write
    the same record conflict as in production.
    """

    def __init__(self, url: str, *, concurrency: int = 1) -> None:
        self._url = url
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._admission = asyncio.Lock()
        self._scope: Scope | None = None
        self._ids = itertools.count()
        self._db: AsyncEmbeddedDB | None = None

    async def open(self) -> None:
        """Open the datastore. Raises EngineError if it is in use, unreadable or not a datastore.

        After a crash its log may end in half a record. The engine skips that and appends after it, but the
        next recovery stops there and loses everything appended (seen in 3.2.4). Closing the datastore flushes
        it to tables and begins a new log, so this opens it, closes it and opens it again.
        """
        try:
            db = await self._connect()
            if not self._url.startswith("mem:"):
                await db.close()
                db = await self._connect()
        except (RuntimeError, ValueError) as error:
            raise EngineError(" ".join(str(error).split())) from error
        self._db = db

    async def _connect(self) -> AsyncEmbeddedDB:
        db = AsyncEmbeddedDB(self._url)
        await db.connect()
        return db

    async def close(self) -> None:
        """Wait for the requests in flight, then close the datastore. Later requests fail."""
        async with self._alone():
            db, self._db = self._db, None
        if db is not None:
            await db.close()

    async def execute(self, request: bytes, scope: Scope) -> bytes:
        """Run a CBOR request in `scope`; the engine's CBOR response.

        Raises ValueError for an invalid request, RuntimeError if the engine fails or is closed.
        """
        async with self._turn(scope) as db:
            return await db.execute(request)

    @asynccontextmanager
    async def _turn(self, scope: Scope) -> AsyncIterator[AsyncEmbeddedDB]:
        async with self._admission:  # first come, first served: no scope starves another
            if scope != self._scope:
                async with self._alone():
                    await self._use(scope)
            await self._slots.acquire()
        try:
            yield self._opened()
        finally:
            self._slots.release()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        held = 0
        try:
            while held < self._concurrency:
                await self._slots.acquire()
                held += 1
            yield
        finally:
            for _ in range(held):
                self._slots.release()

    async def _use(self, scope: Scope) -> None:
        self._scope = None
        params = [scope.namespace, scope.database]
        request = {"id": f"scope-{next(self._ids)}", "method": "use", "params": params}
        await self._opened().execute(encode(request))
        self._scope = scope

    def _opened(self) -> AsyncEmbeddedDB:
        if self._db is None:
            raise RuntimeError("the engine is closed")
        return self._db
