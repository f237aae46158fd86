"""The embedded SurrealDB engine, which has a session of its own for every connection of the server."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from surrealdb.data.cbor import decode, encode
from surrealdb_embedded import AsyncEmbeddedDB

from confab.store.users import definition

Credentials = tuple[str, str]
"""A user's name and password."""


class EngineError(Exception):
    """The engine cannot be opened; the message is one line."""


class Engine:
    """One open datastore, whose users are the engine's own.

    Up to `concurrency` requests overlap. With 1 no transaction conflicts; with more, transactions that write
    the same record conflict as in production.
    """

    def __init__(self, url: str, *, concurrency: int = 1) -> None:
        self._url = url
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._ids = itertools.count()
        self._db: AsyncEmbeddedDB | None = None

    async def open(self, root: Credentials, *, session_s: float) -> None:
        """Open the datastore, whose only root user `root` is from now on; sign-ins as it last `session_s`.

        Raises EngineError if it is in use, unreadable or not a datastore.

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
        lasting = f"DURATION FOR TOKEN 1h, FOR SESSION {round(session_s)}s"
        user = definition(*root, "owner", level="ROOT")
        (defined,) = (await self.call("query", [f"{user} {lasting}"]))["result"]
        if defined["status"] != "OK":
            raise EngineError(f"cannot define the user: {defined['result']}")

    async def _connect(self) -> AsyncEmbeddedDB:
        db = AsyncEmbeddedDB(self._url)
        await db.connect()
        return db

    async def close(self) -> None:
        """Wait for the requests in flight, then close the datastore. Later requests fail."""
        for _ in range(self._concurrency):
            await self._slots.acquire()
        db, self._db = self._db, None
        for _ in range(self._concurrency):
            self._slots.release()
        if db is not None:
            await db.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[uuid.UUID]:
        """A session that nobody has signed in to."""
        session = uuid.uuid4()
        await self.call("attach", session=session)
        try:
            yield session
        finally:
            with suppress(RuntimeError):  # the engine may be closed
                await self.call("detach", session=session)

    async def call(self, method: str, params: list[Any] | None = None, **fields: Any) -> Mapping[str, Any]:
        """The engine's response to a request. Raises RuntimeError if it fails or is closed."""
        request = {"id": f"own-{next(self._ids)}", "method": method, "params": params or [], **fields}
        answer: Mapping[str, Any] = decode(await self.execute(encode(request)))
        return answer

    async def execute(self, request: bytes) -> bytes:
        """Run a CBOR request; the engine's CBOR response.

        Raises ValueError for an invalid request, RuntimeError if the engine fails or is closed.
        """
        async with self._slots:
            if self._db is None:
                raise RuntimeError("the engine is closed")
            return await self._db.execute(request)
