"""A local SurrealDB server in a process of its own, and stores that are connected to it."""

import asyncio
import copy
import os
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sized
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from confab.store import schema
from confab.store.connection import Connection, Timing
from confab.store.session import Account, Session
from confab.store.surreal import SurrealStore
from confab.store.users import ROLES, Role, definition
from tests.support.processes import ROOT, Server, answers

SERVER = "infra.local.surrealdb_server"
USER = "root"
PASSWORD = "a test's own"


class SurrealServer(Server):
    """A server that keeps its port and its data through restarts."""

    def __init__(self, path: Path, *options: str) -> None:
        command = (sys.executable, "-m", SERVER, "--port={port}", f"--path={path}", *options)
        super().__init__(path.name, command, env=_env(), folder=path.parent, ready=answers("/health", 200))
        self.path = path
        self.database = "confab"

    @property
    def url(self) -> str:
        return f"ws://{self.address}"

    def account(self, role: Role | None = None) -> Account:
        """That of the server's root, or of the database's user of this role, once there is one."""
        if role is None:
            return Account(self.url, "confab", self.database, USER, PASSWORD)
        return Account(self.url, "confab", self.database, role, PASSWORD, "database")

    def with_database(self) -> "SurrealServer":
        """The same server with a new database of the caller's own."""
        other = copy.copy(self)
        other.database = f"test_{uuid.uuid4().hex}"
        return other


class Listening(Protocol):
    """Something on loopback that the store can be reached through."""

    @property
    def port(self) -> int: ...


async def spawn(*arguments: str) -> Process:
    """The server's command line as a process."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", SERVER, *arguments), cwd=ROOT, env=_env(), stdout=PIPE, stderr=PIPE
    )


def _env() -> dict[str, str]:
    return {**os.environ, "SURREALDB_USER": USER, "SURREALDB_PASSWORD": PASSWORD}


@asynccontextmanager
async def surreal_server(path: Path, *options: str, migrated: bool = True) -> AsyncIterator[SurrealServer]:
    """A running server on the data in `path`, with its schema migrated; killed at the end."""
    server = SurrealServer(path, *options)
    try:
        await server.start()
        if migrated:
            await migrate(server)
        yield server
    finally:
        await server.close()


async def migrate(server: SurrealServer) -> None:
    """Migrate the schema of the server's database."""
    session = await Session.open(server.account(), define=True)
    try:
        await schema.migrate(session)
    finally:
        await session.close()


async def define_users(server: SurrealServer, prefix: str = "") -> None:
    """Define a user of each role in the server's database, named after it."""
    session = await Session.open(server.account(), define=True)
    try:
        for role in ROLES:
            await session.query(definition(f"{prefix}{role}", PASSWORD, role, level="DATABASE"), {})
    finally:
        await session.close()


def by_role(server: SurrealServer) -> SurrealStore:
    """A store that reads as the database's viewer, as some functions do, and writes as its editor."""
    reader, store = SurrealStore(server.account("viewer")), SurrealStore(server.account("editor"))
    close = store.close

    async def close_both() -> None:
        await reader.close()
        await close()

    for name in ("conversation", "message", "page", "log", "entries", "heads", "conversations"):
        setattr(store, name, getattr(reader, name))
    store.close = close_both  # type: ignore[method-assign]
    return store


async def store_process(server: SurrealServer, *arguments: str, **env: str) -> Process:
    """`python -m confab.store` on a server, as a process that runs."""
    found = {
        **_env(),
        "PYTHONPATH": str(ROOT / "functions"),
        "SURREALDB_URL": server.url,
        "SURREALDB_DATABASE": server.database,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "confab.store", *arguments), env=found | env, stdout=PIPE, stderr=PIPE
    )


async def store_command(server: SurrealServer, *arguments: str, **env: str) -> tuple[int | None, str, str]:
    """The exit code of `python -m confab.store` on a server, and what it prints and reports."""
    process = await store_process(server, *arguments, **env)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def surreal_store(
    server: Listening,
    *,
    database: str | None = None,
    timing: Timing | None = None,
    password: str = PASSWORD,
) -> SurrealStore:
    """A store with a connection of its own, straight to a server or by way of a proxy; close it."""
    database = database or (server.database if isinstance(server, SurrealServer) else "confab")
    account = Account(f"ws://127.0.0.1:{server.port}", "confab", database, USER, password)
    return SurrealStore(account, timing=timing)


def counted(
    monkeypatch: pytest.MonkeyPatch, statement: str, items: Callable[[Mapping[str, Any]], Sized]
) -> list[int]:
    """How many items each query of this statement has, of all connections from now on."""
    counts: list[int] = []
    query = Connection.query

    async def counting(self: Connection, sent: str, variables: dict[str, Any], **options: Any) -> Any:
        if sent == statement:
            counts.append(len(items(variables)))
        return await query(self, sent, variables, **options)

    monkeypatch.setattr(Connection, "query", counting)
    return counts
