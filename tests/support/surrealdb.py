"""A local SurrealDB server in a process of its own, to be started, killed, frozen and thawed."""

import asyncio
import copy
import os
import signal
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

READY_WITHIN_S = 20.0
GONE_WITHIN_S = 10.0
ROOT = Path(__file__).resolve().parents[2]
USER = "root"
PASSWORD = "a test's own"


class SurrealServer:
    """A server on an ephemeral port of loopback that keeps its port through restarts."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        self.port = 0
        self.database = "confab"
        self._options = options
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def account(self) -> Account:
        return Account(self.url, "confab", self.database, USER, PASSWORD)

    def with_database(self) -> "SurrealServer":
        """The same server with a new database of the caller's own."""
        other = copy.copy(self)
        other.database = f"test_{uuid.uuid4().hex}"
        return other

    async def start(self) -> None:
        """Start it and wait for its ready line."""
        self._process = await spawn("--port", str(self.port), "--path", str(self.path), *self._options)
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_WITHIN_S):
            line = (await self._process.stdout.readline()).decode()
        assert line.startswith("ready ws://127.0.0.1:"), f"the SurrealDB server said {line!r}"
        self.port = int(line.rsplit(":", 1)[1])

    async def stop(self) -> int:
        """Ask it to end; its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it at once, with no chance to write anything."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Kill it and start it again on the same port and data."""
        await self.kill()
        await self.start()

    def freeze(self) -> None:
        """Let it answer nothing, though its port still takes connections."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
        async with asyncio.timeout(GONE_WITHIN_S):
            await process.communicate()
        assert process.returncode is not None
        return process.returncode


class Listening(Protocol):
    """Something on loopback that the store can be reached through."""

    @property
    def port(self) -> int: ...


async def spawn(*arguments: str) -> Process:
    """The server's command line as a process."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.local.surrealdb_server",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "SURREALDB_USER": USER, "SURREALDB_PASSWORD": PASSWORD},
        stdout=PIPE,
        stderr=PIPE,
    )


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
        await server.kill()


async def migrate(server: SurrealServer) -> None:
    """Migrate the schema of the server's database."""
    session = await Session.open(server.account(), define=True)
    try:
        await schema.migrate(session)
    finally:
        await session.close()


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
