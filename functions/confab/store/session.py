"""One signed-in socket to SurrealDB, and what its failures mean."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surrealdb import AsyncWsSurrealConnection
from surrealdb.connections import async_ws
from surrealdb.errors import (
    ConnectionUnavailableError,
    NotAllowedError,
    QueryError,
    ServerError,
    parse_query_error,
    parse_rpc_error,
)
from surrealdb.request_message.descriptors import cbor_ws

from confab.store import codec

CLOSE_TIMEOUT_S = 1.0
DEFINE = """
DEFINE NAMESPACE IF NOT EXISTS $namespace;
USE NS $namespace;
DEFINE DATABASE IF NOT EXISTS $database;
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Where the database is and as whom to work in it."""

    url: str
    namespace: str
    database: str
    user: str
    password: str = field(repr=False)


# The SDK has no place to put another codec in: these are the names by which it calls its own.
async_ws.decode = codec.decode  # type: ignore[attr-defined]  # it is an import there
cbor_ws.encode = codec.encode  # type: ignore[attr-defined]


class NotSent(ConnectionUnavailableError):
    """The socket was gone before the query was sent: nothing has happened."""


class _Socket(AsyncWsSurrealConnection):
    """The SDK's connection, made once.

    The SDK replaces a dead socket inside whatever call comes next, and the new one is signed in
    as nobody and stands in no database. Here a lost socket stays lost, and says so before
    anything is sent.
    """

    _connected = False

    async def connect(self, url: str | None = None) -> None:
        """Connect the first time; afterwards raise NotSent if the socket is gone."""
        if not self._connected:
            await super().connect(url)
            self._connected = True
        elif not self.alive:
            raise NotSent("the socket is gone")

    @property
    def alive(self) -> bool:
        """Whether answers can still arrive."""
        return self.recv_task is not None and not self.recv_task.done()

    def abort(self) -> None:
        """Drop the socket at once, without the closing handshake that a dead server never ends."""
        if self.socket is not None:
            self.socket.transport.abort()


class Session:
    """A socket that has signed in and chosen its namespace and database. Never reconnects."""

    def __init__(self, socket: _Socket) -> None:
        self._socket = socket
        self._running = 0
        self._retired = False
        self._opened_at = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, account: Account, *, define: bool = False) -> "Session":
        """A new session; `define` makes its namespace and database first. Raises SurrealError."""
        # Buffered answers: ours are small, and servers before 3.3 refuse the streamed kind.
        socket = _Socket(account.url, streaming=False)
        try:
            await socket.connect()
            await socket.signin({"username": account.user, "password": account.password})
            if define:
                await _run(socket, DEFINE, {"namespace": account.namespace, "database": account.database})
            await socket.use(account.namespace, account.database)
        except BaseException:
            socket.abort()
            raise
        return cls(socket)

    @property
    def usable(self) -> bool:
        """Whether a query may be sent on it."""
        return self._socket.alive and not self._retired

    @property
    def age(self) -> float:
        """Seconds since it was signed in."""
        return asyncio.get_running_loop().time() - self._opened_at

    async def query(self, statement: str, variables: Mapping[str, Any]) -> Any:
        """The result of one statement. Raises SurrealError."""
        self._running += 1
        try:
            (result,) = await _run(self._socket, statement, variables)
            return result
        finally:
            self._running -= 1
            self._end_if_retired()

    def retire(self) -> None:
        """Take no more queries, and drop the socket when those that run have ended."""
        self._retired = True
        self._end_if_retired()

    async def close(self) -> None:
        """Close the socket in good order, or after a second in any order."""
        self._retired = True
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close()
        except TimeoutError:
            self._socket.abort()

    def _end_if_retired(self) -> None:
        if self._retired and self._running == 0:
            self._socket.abort()


async def _run(socket: _Socket, statements: str, variables: Mapping[str, Any]) -> list[Any]:
    """The result of each statement. Raises SurrealError for the first that failed."""
    answer = await socket.query_raw(statements, dict(variables))
    if answer.get("error") is not None:
        raise parse_rpc_error(answer["error"])
    for outcome in answer["result"]:
        if outcome["status"] != "OK":
            raise parse_query_error(outcome)
    return [outcome["result"] for outcome in answer["result"]]


def is_conflict(error: Exception) -> bool:
    """Whether a transaction lost against another one and changed nothing.

    Not every server types it (surrealdb#7428), so the words count too.
    """
    typed = isinstance(error, QueryError) and error.is_transaction_conflict
    return isinstance(error, ServerError) and (typed or "can be retried" in str(error))


def is_signed_out(error: Exception) -> bool:
    """Whether the server turned a query away, before running it, because the sign-in has run out."""
    return isinstance(error, NotAllowedError)
