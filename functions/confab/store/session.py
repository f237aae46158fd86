"""One signed-in socket to SurrealDB, and what its failures mean."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from confab.store.rpc import ServerError, Socket

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


class Session:
    """A socket that has signed in and chosen its namespace and database. Never reconnects."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._running = 0
        self._retired = False
        self._opened_at = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, account: Account, *, define: bool = False) -> "Session":
        """A new session; `define` makes its namespace and database first. Raises OSError and RpcError."""
        socket = await Socket.open(account.url)
        try:
            await socket.call("signin", [{"user": account.user, "pass": account.password}])
            if define:
                await _run(socket, DEFINE, {"namespace": account.namespace, "database": account.database})
            await socket.call("use", [account.namespace, account.database])
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
        """The result of one statement. Raises RpcError."""
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
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._socket.close()
        finally:
            self._socket.abort()  # does nothing where it is closed

    def _end_if_retired(self) -> None:
        if self._retired and self._running == 0:
            self._socket.abort()


async def _run(socket: Socket, statements: str, variables: Mapping[str, Any]) -> list[Any]:
    """The result of each statement. Raises RpcError for the first that failed."""
    outcomes = await socket.call("query", [statements, variables])
    for outcome in outcomes:
        if outcome["status"] != "OK":
            raise ServerError.of(outcome, "result")
    return [outcome["result"] for outcome in outcomes]


def is_conflict(error: Exception) -> bool:
    """Whether a transaction lost against another one and changed nothing.

    Not every server types it (surrealdb#7428), so the words count too.
    """
    return isinstance(error, ServerError) and (
        error.detail == "TransactionConflict" or "can be retried" in str(error)
    )


def is_missing(error: Exception) -> bool:
    """Whether the statement names what the database does not have, a table for one."""
    return isinstance(error, ServerError) and error.kind == "NotFound"


def is_signed_out(error: Exception) -> bool:
    """Whether the server turned a query away, before running it, because the sign-in has run out."""
    return isinstance(error, ServerError) and error.kind == "NotAllowed"
