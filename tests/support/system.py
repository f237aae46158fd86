"""A whole system of real processes: a store, a bus, and the containers and functions that a test adds."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from confab.domain.entries import Entry
from tests.support.clients import Client
from tests.support.inherited import inherited
from tests.support.lost_answers import LosingProxy
from tests.support.processes import NO_TLS, ROOT, Ready, Server, answers
from tests.support.pubsub import OURS, PubSubServer
from tests.support.rates import NO_RATES
from tests.support.samples import entries
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, migrate, surreal_store
from tests.support.users import PROJECT, user

ANSWER_S = 8.0
EVERYTHING = 1_000_000
Command = tuple[str, ...]
"""A module and its arguments."""
UNSIGNED: Mapping[str, str] = {
    "GOOGLE_CLOUD_PROJECT": PROJECT,
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9",  # lets firebase-admin take unsigned tokens
    "CONFAB_REVOCATION_TTL_S": "never",
    "CONFAB_MAX_SOCKETS_PER_USER": "0",
    **NO_RATES,
}
"""For users whose tokens nobody signed, and who may do as much as they like."""


class System:
    """The processes by name, each on a port that it keeps through kills and restarts.

    `env` is what containers and functions find, besides the addresses; it may be changed until they
    are added.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], *, in_memory: bool, bus: Command) -> None:
        self._folder = folder
        self._base = inherited(measured=False) | {
            "PYTHONPATH": str(ROOT / "functions"),
            "PYTHONUNBUFFERED": "1",
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
        }
        self.store_server = SurrealServer(folder / "store", *(["--memory"] if in_memory else []))
        self.bus = PubSubServer(folder, ours=bus)
        self.servers: dict[str, Server] = {"store": self.store_server, "bus": self.bus}
        self.store = surreal_store(self.store_server)
        self.env = {"HOST": "127.0.0.1", "PUBSUB_EMULATOR_HOST": self.bus.address, **env}
        self.launcher: Command = ()
        """The module that runs the containers and the functions, with its arguments, if any does."""

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        folder: Path,
        env: Mapping[str, str] = UNSIGNED,
        *,
        in_memory: bool = False,
        bus: Command = (OURS,),
    ) -> AsyncIterator["System"]:
        """The store, its schema and the bus; they and everything added are gone afterwards."""
        system = cls(folder, env, in_memory=in_memory, bus=bus)
        try:
            await asyncio.gather(*(server.launch() for server in system.servers.values()))
            await system.serves()
            await migrate(system.store_server)
            yield system
        finally:
            await system.store.close()
            await asyncio.gather(*(server.close() for server in system.servers.values()))

    async def instance(self, name: str, store: LosingProxy | None = None, **env: str) -> Server:
        """A realtime instance that is being started, by way of a proxy to the store if one is given."""
        command = (*self.launcher, "confab.realtime")
        return await self._launched(name, command, store, env, answers("/readyz", 200))

    async def function(self, name: str, store: LosingProxy | None = None, **env: str) -> Server:
        """A function that is being started."""
        source = f"--source={ROOT / 'functions/main.py'}"
        arguments = (source, f"--target={name}", "--host=127.0.0.1", "--port={port}")
        command = (*self.launcher, "functions_framework", *arguments)
        return await self._launched(name, command, store, env, answers("/nowhere", 404))

    async def serves(self) -> None:
        """Wait until everything that was started serves."""
        await asyncio.gather(*(server.serves() for server in self.servers.values()))

    async def client(self, instance: Server, uid: str, room: str | None = None) -> Client:
        """A connected socket; in the room from its beginning on, if one is given. Close it."""
        client = await Client().connect(instance.url, {"token": user(uid).token})
        if room is not None:
            assert (await client.join(room, after=0))["ok"]
        return client

    async def log(self, room: str) -> list[Entry]:
        """The conversation's entries in the store."""
        return await entries(self.store, room, 1, EVERYTHING)

    async def _launched(
        self, name: str, command: Command, store: LosingProxy | None, env: Mapping[str, str], ready: Ready
    ) -> Server:
        way = {"SURREALDB_URL": f"ws://127.0.0.1:{(store or self.store_server).port}"}
        env = {**self._base, **way, **self.env, **env}
        server = Server(name, (sys.executable, "-m", *command), env=env, folder=self._folder, ready=ready)
        self.servers[name] = server
        await server.launch()
        return server


async def post(function: Server, uid: str, path: str, body: Any, **headers: str) -> httpx.Response:
    """As `call`, with the method POST."""
    return await call(function, "POST", uid, path, body, **headers)


async def call(
    function: Server, method: str, uid: str, path: str, body: Any, **headers: str
) -> httpx.Response:
    """Call a function; raises httpx.TransportError if it ends before it has answered."""
    async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, verify=NO_TLS) as http:
        return await http.request(
            method,
            f"{function.url}/api/conversations{path}",
            json=body,
            headers={"Authorization": f"Bearer {user(uid).token}", **headers},
        )
