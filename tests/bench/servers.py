"""The servers that are compared, each started afresh for each measurement."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from confab.domain.limits import Limits
from confab.domain.requests import CreateConversation, parse
from confab.ports.store import Store
from tests.support.accounting import cpu_s
from tests.support.adapters import conversations_over
from tests.support.firebase_keys import PROJECT, SigningKey
from tests.support.google import Google
from tests.support.inherited import inherited
from tests.support.processes import ROOT, Server, answers, listens
from tests.support.rates import NO_RATES
from tests.support.samples import principal
from tests.support.surrealdb import PASSWORD, USER
from tests.support.system import System
from tests.support.twins.store import MemoryStore

T = TypeVar("T")
NODE = Path(__file__).parent / "node"
FUNCTIONS = ROOT / "functions"
KEY = SigningKey("bench")
ID_CHARS = 21
"""As long as Confab's, so that messages have the same size."""
CPU, OTHER = "server", "other"
"""The parts that hold the sockets: one, or one with the senders' and a second one."""
LAUNCHER = "tests.support.redirected"


@dataclass(slots=True)
class Subject:
    """A server under measurement. It knows neither owners nor members."""

    parts: Mapping[str, Server]
    """The processes whose CPU its work costs, by name."""
    clients: ExitStack = field(default_factory=ExitStack, init=False)
    """Closes the sockets of clients."""

    async def conversation(self, *_people: str) -> str:
        """The id of a conversation that they may join; a room exists once somebody joins it."""
        return uuid4().hex[:ID_CHARS]

    async def spending(self, action: Callable[[], T]) -> tuple[T, dict[str, float]]:
        """What an action returns, and the CPU seconds that each of the parts used meanwhile."""
        before = {name: cpu_s([part.pid]) for name, part in self.parts.items()}
        result = await asyncio.to_thread(action)
        return result, {name: cpu_s([part.pid]) - before[name] for name, part in self.parts.items()}


@dataclass(slots=True)
class Confab(Subject):
    """Realtime containers on a store and a bus of their own."""

    store: Store
    listed: Path | None = None
    """Where containers that do not share the store find its conversations."""

    async def conversation(self, *people: str) -> str:
        """A conversation in the store, of the first one with the others."""
        owner, *members = people
        listed = [{"userId": one, "access": "write"} for one in members]
        created = await conversations_over(self.store).create_conversation(
            parse(CreateConversation, {"type": "chat", "members": listed}, Limits()), caller=principal(owner)
        )
        if self.listed is not None:
            with self.listed.open("a") as file:
                file.write(created.conversation.model_dump_json() + "\n")
        return created.conversation.id


Starter = Callable[[], AbstractAsyncContextManager[Subject]]


@asynccontextmanager
async def confab(functions: Path, containers: int = 1, away_ms: float = 0.0) -> AsyncIterator[Confab]:
    """So many of Confab's containers, so many milliseconds away from their store and their bus."""
    with _trusted(functions) as (folder, google, env):
        async with System.running(folder, env) as system:
            system.launcher = (LAUNCHER, google)
            at = await _away(system, folder, away_ms)
            instances = {name: await system.instance(name, None, **at) for name in (CPU, OTHER)[:containers]}
            await system.serves()
            yield Confab({**instances, "store": system.store_server, "bus": system.bus}, system.store)


@asynccontextmanager
async def confab_alone(functions: Path) -> AsyncIterator[Confab]:
    """A container of Confab's whose store and bus answer at once."""
    with _trusted(functions) as (folder, google, env):
        listed = folder / "conversations"
        command = (sys.executable, "-m", LAUNCHER, google, "tests.bench.alone", str(listed))
        server = Server(CPU, command, env=env, folder=folder, ready=answers("/readyz", 200))
        async with _running(server):
            yield Confab({CPU: server}, MemoryStore(), listed)


@asynccontextmanager
async def node(away_ms: float) -> AsyncIterator[Subject]:
    """Two servers for Node, so many milliseconds away from a store and a bus as Confab has them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with System.running(folder, {}) as system:
            env = {"SURREALDB_USER": USER, "SURREALDB_PASSWORD": PASSWORD}
            env |= await _away(system, folder, away_ms)
            instances = {name: _node(name, folder, env) for name in (CPU, OTHER)}
            system.servers |= instances
            for one in instances.values():
                await one.start()
            yield Subject({**instances, "store": system.store_server, "bus": system.bus})


@asynccontextmanager
async def node_alone() -> AsyncIterator[Subject]:
    """A server for Node that stores nothing."""
    with tempfile.TemporaryDirectory() as folder:
        async with _running(_node(CPU, Path(folder), {})) as server:
            yield Subject({CPU: server})


@contextmanager
def _trusted(functions: Path) -> Iterator[tuple[Path, str, dict[str, str]]]:
    """A folder, the URL of a Google, and the environment of containers that trust it."""
    with tempfile.TemporaryDirectory() as name, Google(KEY).serving() as google:
        account = Path(name) / "account.json"
        account.write_text(json.dumps(KEY.service_account()))
        env = inherited(measured=False) | {
            "HOST": "127.0.0.1",
            "PYTHONPATH": str(functions),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
            "CONFAB_REVOCATION_TTL_S": "never",  # looking users up is Google's time, not the container's
            **NO_RATES,
            "CONFAB_MAX_SOCKETS_PER_USER": "0",
            "CONFAB_SOCKETS_PER_ADDRESS": "0",  # all clients have one
        }
        yield Path(name), google.url, env


async def _away(system: System, folder: Path, away_ms: float) -> dict[str, str]:
    """Where to find the store and the bus so many milliseconds away."""
    at: dict[str, Server] = {"store": system.store_server, "bus": system.bus}
    for name, server in [*at.items()] if away_ms else ():
        command = (sys.executable, "-m", "tests.bench.away", "{port}", str(server.port), str(away_ms))
        env, title = inherited(measured=False), f"{name}-away"
        at[name] = system.servers[title] = Server(title, command, env=env, folder=folder, ready=listens)
        await at[name].start()
    return {"SURREALDB_URL": f"ws://{at['store'].address}", "PUBSUB_EMULATOR_HOST": at["bus"].address}


def _node(name: str, folder: Path, env: Mapping[str, str]) -> Server:
    certificate = folder / "certificate.pem"
    certificate.write_text(KEY.certificate)
    command = ("node", str(NODE / "server.mjs"), str(certificate))
    env = {**inherited(measured=False), "NODE_ENV": "production", "METADATA_SERVER_DETECTION": "none", **env}
    return Server(name, command, env=env, folder=folder, ready=listens)


@asynccontextmanager
async def _running(server: Server) -> AsyncIterator[Server]:
    try:
        await server.start()
        yield server
    finally:
        await server.close()
