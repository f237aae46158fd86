"""One signed-in socket to SurrealDB, and what its failures mean."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from surrealdb import AsyncWsSurrealConnection
from surrealdb.errors import (
    ConnectionUnavailableError,
    NotAllowedError,
    QueryError,
    ServerError,
    ThrownError,
    parse_query_error,
    parse_rpc_error,
)
from websockets.protocol import State

from confab.config import Config

CLOSE_TIMEOUT_S = 1.0
PING_S = 20.0
"""Seconds between two heartbeats, and for the server's response to one."""
DEFINE = """
DEFINE NAMESPACE IF NOT EXISTS $namespace;
USE NS $namespace;
DEFINE DATABASE IF NOT EXISTS $database;
"""
ROLLED_BACK = "rolled back"
"""What a statement throws that has tried something and is to change nothing; then it is its result."""


@dataclass(frozen=True, slots=True)
class Account:
    """The address of the database, and the user to sign in as."""

    url: str
    namespace: str
    database: str
    user: str
    password: str = field(repr=False)
    level: Literal["root", "database"] = "root"
    """Where the user is defined."""

    @classmethod
    def of(cls, config: Config) -> Self:
        """The account that the configuration names."""
        return cls(
            config.surrealdb_url,
            config.surrealdb_namespace,
            config.surrealdb_database,
            config.surrealdb_user,
            config.surrealdb_password,
            config.surrealdb_auth_level,
        )

    @property
    def sign_in(self) -> dict[str, Any]:
        """What a sign-in sends."""
        user = {"username": self.user, "password": self.password}
        return user if self.level == "root" else user | self.scope

    @property
    def scope(self) -> dict[str, str]:
        """The database."""
        return {"namespace": self.namespace, "database": self.database}


class NotSent(ConnectionUnavailableError):
    """The socket was gone before the query was sent: nothing has happened."""


class _Connection(AsyncWsSurrealConnection):
    """The package's connection, opened once: the package would replace a lost one, and not sign in."""

    async def connect(self, url: str | None = None) -> None:
        """Connect the first time; from then on raise NotSent if the socket is gone."""
        if self.socket is None:
            await super().connect(url)
        elif not self.alive:
            raise NotSent("the socket is gone")

    @property
    def alive(self) -> bool:
        """Whether queries can still be sent and answered."""
        return self.socket is not None and self.socket.state is State.OPEN

    def abort(self) -> None:
        """Drop the socket at once, without the closing handshake that a dead server never ends."""
        if self.socket is not None:
            self.socket.transport.abort()


class Session:
    """A socket that has signed in and chosen its namespace and database. Never reconnects."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._running = 0
        self._retired = False
        self._opened_at = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, account: Account, *, define: bool = False) -> Self:
        """A new session. Raises SurrealError.

        `define` makes its namespace and database first, unless the user is one of that database.
        """
        connection = _Connection(
            account.url,
            streaming=False,  # answers are small, and servers before 3.3 refuse it
            ping_interval=PING_S,
            ping_timeout=PING_S,
        )
        try:
            await connection.signin(account.sign_in)
            if define and account.level == "root":
                await _run(connection, DEFINE, account.scope)
            await connection.use(account.namespace, account.database)
        except BaseException:
            connection.abort()
            raise
        return cls(connection)

    @property
    def usable(self) -> bool:
        """Whether a query may be sent on it."""
        return self._connection.alive and not self._retired

    @property
    def age(self) -> float:
        """Seconds since it was signed in."""
        return asyncio.get_running_loop().time() - self._opened_at

    async def query(self, statement: str, variables: Mapping[str, Any]) -> Any:
        """The result of one statement. Raises SurrealError."""
        self._running += 1
        try:
            (result,) = await _run(self._connection, statement, variables)
            return result
        except ThrownError as error:
            if ROLLED_BACK in str(error):
                return ROLLED_BACK
            raise
        finally:
            self._running -= 1
            self._end_if_retired()

    def retire(self) -> None:
        """Take no more queries, and drop the socket when those that run have ended."""
        self._retired = True
        self._end_if_retired()

    async def close(self) -> None:
        """Close the socket with a closing handshake, or without one after a second."""
        self._retired = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._connection.close()
        finally:
            self._connection.abort()  # does nothing where it is closed

    def _end_if_retired(self) -> None:
        if self._retired and self._running == 0:
            self._connection.abort()


async def _run(connection: _Connection, statements: str, variables: Mapping[str, Any]) -> list[Any]:
    """The result of each statement. Raises SurrealError, for the first that failed."""
    answer = await connection.query_raw(statements, dict(variables))
    if (error := answer.get("error")) is not None:
        raise parse_rpc_error(error)
    for outcome in answer["result"]:
        if outcome["status"] != "OK":
            raise parse_query_error(outcome)
    return [outcome["result"] for outcome in answer["result"]]


def kind_of(error: BaseException) -> str:
    """The type of an error, without its text, which may quote content."""
    name = type(error).__name__
    return f"{name} {error.kind}" if isinstance(error, ServerError) else name


def is_conflict(error: Exception) -> bool:
    """Whether a transaction lost against another one and changed nothing."""
    if isinstance(error, QueryError) and error.is_transaction_conflict:
        return True
    return isinstance(error, ServerError) and "can be retried" in str(error)  # not typed: surrealdb#7428


def is_signed_out(error: Exception) -> bool:
    """Whether the server refused a query, before running it, because the sign-in has expired."""
    return isinstance(error, NotAllowedError)
