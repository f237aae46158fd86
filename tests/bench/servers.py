"""The servers that are compared, each started afresh for each measurement."""

import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Protocol, Self

from confab.domain.limits import Limits
from confab.domain.requests import CreateConversation, parse
from confab.store.surreal import SurrealStore
from tests.support.adapters import conversations_over
from tests.support.firebase_keys import PROJECT, CertificateServer, SigningKey
from tests.support.pubsub import PubSubServer, pubsub_server
from tests.support.samples import principal
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, surreal_server, surreal_store

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(__file__).parent / "node"
GONE_WITHIN_S = 15.0
KEY = SigningKey("bench")


class Server(Protocol):
    """One server under test, with what it cannot do without."""

    url: str
    pid: int
    """The process that holds the sockets."""

    @property
    def parts(self) -> Mapping[str, int]:
        """The processes whose CPU its work costs, by name."""
        ...

    async def conversation(self, owner: str, members: tuple[str, ...]) -> str:
        """A conversation that they may join; its id."""
        ...


Starter = Callable[[], AbstractAsyncContextManager[Server]]


@dataclass(slots=True)
class Baseline:
    """A server that knows neither owners nor members."""

    url: str
    pid: int
    made: int = 0

    @property
    def parts(self) -> Mapping[str, int]:
        """It is one process."""
        return {"server": self.pid}

    async def conversation(self, owner: str, members: tuple[str, ...]) -> str:  # noqa: ARG002 - as a Server
        """A room is there once somebody joins it."""
        self.made += 1
        return f"room{self.made:017d}"


@dataclass(slots=True)
class Confab:
    """A realtime container on a store and a bus of its own."""

    url: str
    pid: int
    store: SurrealServer
    bus: PubSubServer
    adapter: SurrealStore
    others: tuple[str, ...] = ()
    """The addresses of further containers on the same store and bus."""
    other_pids: tuple[int, ...] = ()

    @property
    def parts(self) -> Mapping[str, int]:
        """Its own process, and the store's and the bus's."""
        return {"server": self.pid, "store": self.store.pid, "bus": self.bus.pid}

    async def conversation(self, owner: str, members: tuple[str, ...]) -> str:
        """A conversation in the store."""
        listed = [{"userId": one, "access": "write"} for one in members]
        created = await conversations_over(self.adapter).create_conversation(
            parse(CreateConversation, {"type": "chat", "members": listed}, Limits()), caller=principal(owner)
        )
        return created.conversation.id


@asynccontextmanager
async def confab(containers: int = 1) -> AsyncIterator[Confab]:
    """Confab with so many containers."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = await stack.enter_async_context(surreal_server(Path(folder) / "store"))
        bus = await stack.enter_async_context(pubsub_server())
        account = Path(folder) / "account.json"
        account.write_text(json.dumps(KEY.service_account()))
        certificates = stack.enter_context(CertificateServer(KEY).running())
        env = {
            "HOST": "127.0.0.1",
            "PORT": "0",
            "SURREALDB_URL": store.url,
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
            "PUBSUB_EMULATOR_HOST": bus.host,
            "CONFAB_REVOCATION_TTL_S": "never",  # looking users up is Google's time, not the container's
            "CONFAB_MESSAGES_PER_10S": "0",
            "CONFAB_MAX_SOCKETS_PER_USER": "0",
            "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}",
        }
        command = [sys.executable, "-m", "tests.support.redirected", certificates.url, "confab.realtime"]
        started = [stack.enter_context(_Process(command, env)) for _ in range(containers)]
        adapter = surreal_store(store)
        stack.push_async_callback(adapter.close)
        first, *others = started
        yield Confab(
            first.url,
            first.pid,
            store,
            bus,
            adapter,
            others=tuple(one.url for one in others),
            other_pids=tuple(one.pid for one in others),
        )


@asynccontextmanager
async def node() -> AsyncIterator[Baseline]:
    """Socket.IO for Node, which broadcasts and stores nothing."""
    async with _baseline("node", "server.mjs", cwd=NODE) as server:
        yield server


@asynccontextmanager
async def node_storing() -> AsyncIterator[Baseline]:
    """Socket.IO for Node with SurrealDB in the same process."""
    with tempfile.TemporaryDirectory() as folder:
        async with _baseline("node", "server.mjs", cwd=NODE, store=str(Path(folder) / "store")) as server:
            yield server


@asynccontextmanager
async def python_socketio() -> AsyncIterator[Baseline]:
    """python-socketio on uvicorn, which broadcasts and stores nothing."""
    async with _baseline(sys.executable, "-m", "tests.bench.plain", cwd=ROOT) as server:
        yield server


STARTERS: Mapping[str, Starter] = {
    "confab": confab,
    "node": node,
    "node-storing": node_storing,
    "python-socketio": python_socketio,
}
TITLES: Mapping[str, str] = {
    "confab": "Confab, storing",
    "node": "Node Socket.IO, broadcast only",
    "node-storing": "Node Socket.IO + embedded SurrealDB",
    "python-socketio": "python-socketio, broadcast only",
}


@asynccontextmanager
async def _baseline(*command: str, cwd: Path, store: str | None = None) -> AsyncIterator[Baseline]:
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as certificate:
        certificate.write(KEY.certificate)
        certificate.flush()
        arguments = (certificate.name,) if store is None else (certificate.name, store)
        env = {"PYTHONPATH": str(ROOT), "NODE_ENV": "production"}
        with _Process([*command, *arguments], env, cwd) as process:
            yield Baseline(process.url, process.pid)


class _Process:
    """A child that prints `ready URL` once it listens, ended by SIGTERM."""

    def __init__(self, command: list[str], env: Mapping[str, str], cwd: Path = ROOT) -> None:
        self._command = command
        self._env = {"PATH": os.environ["PATH"], **env}
        self._cwd = cwd
        self.url = ""

    def __enter__(self) -> Self:
        self._child = Popen(self._command, env=self._env, cwd=self._cwd, stdout=PIPE, text=True)
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line.startswith("ready "), f"{self._command} said {line!r}"
        self.url = line.split()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        self._child.communicate(timeout=GONE_WITHIN_S)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid
