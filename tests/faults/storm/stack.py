"""The processes of a storm: the store's server, the bus behind its proxy, instances and functions."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from confab.store.surreal import SurrealStore
from tests.faults.storm.bus import BusProxy
from tests.faults.storm.server import ROOT, Server, listens
from tests.faults.storm.users import PROJECT
from tests.support.inherited import inherited
from tests.support.surrealdb import PASSWORD, USER

INSTANCES = ("realtime-1", "realtime-2")
FUNCTIONS = ("create_conversation", "add_message", "finalize_conversation")
PAGE = 20
"""Entries in a page, few, so that clients have to page."""
READY_S = 2.0


class Stack:
    """The servers by name: `store`, `bus`, the instances and the functions."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        base = inherited(measured=False)
        base |= {"PYTHONPATH": str(ROOT / "functions"), "PYTHONUNBUFFERED": "1"}
        base |= {"SURREALDB_USER": USER, "SURREALDB_PASSWORD": PASSWORD}
        self._base = base
        self.servers: dict[str, Server] = {
            "store": self._server(
                "store",
                ("-m", "infra.local.surrealdb_server", "--port={port}", f"--path={folder / 'surrealdb'}"),
                base,
                _answers("/health"),
            ),
            "bus": self._server("bus", ("-m", "infra.local.pubsub_emulator", "--port={port}"), base, listens),
        }
        self.bus = BusProxy(self.servers["bus"].address, seed)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, seed: int) -> AsyncIterator["Stack"]:
        """Everything up; gone afterwards."""
        stack = cls(folder, seed)
        async with AsyncExitStack() as ends:
            ends.push_async_callback(stack._close)
            await stack._start("store", "bus")
            proxy = await ends.enter_async_context(stack.bus.serving())
            env = stack._env(proxy)
            await stack._migrate(env)
            stack._add_processes(env)
            await stack._start(*INSTANCES, *FUNCTIONS)
            yield stack

    @property
    def instances(self) -> list[str]:
        """Where each instance is."""
        return [f"http://{self.servers[name].address}" for name in INSTANCES]

    @property
    def functions(self) -> Mapping[str, str]:
        """Where each function is."""
        return {name: f"http://{self.servers[name].address}" for name in FUNCTIONS}

    def store(self) -> SurrealStore:
        """A connection to the store of the caller's own; close it."""
        url = f"ws://{self.servers['store'].address}"
        return SurrealStore(url, namespace="confab", database="confab", user=USER, password=PASSWORD)

    async def ready(self, name: str) -> bool:
        """Whether a server says that it can serve."""
        return await self.servers[name].ready()

    def _add_processes(self, env: Mapping[str, str]) -> None:
        for name in INSTANCES:
            self.servers[name] = self._server(name, ("-m", "confab.realtime"), env, _answers("/readyz"))
        for name in FUNCTIONS:
            arguments = (
                "--source=functions/main.py",
                f"--target={name}",
                "--host=127.0.0.1",
                "--port={port}",
            )
            self.servers[name] = self._server(
                name, ("-m", "functions_framework", *arguments), env, _answers("/nowhere", status=404)
            )

    def _server(self, name: str, arguments: tuple[str, ...], env: Mapping[str, str], ready) -> Server:
        return Server(name, (sys.executable, *arguments), env=env, folder=self.folder, ready=ready)

    def _env(self, proxy: str) -> dict[str, str]:
        return {
            **self._base,
            "HOST": "127.0.0.1",
            "SURREALDB_URL": f"ws://{self.servers['store'].address}",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": proxy,
            "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9",  # makes firebase-admin take unsigned tokens
            "CONFAB_REVOCATION_TTL_S": "never",
            "CONFAB_MAX_PAGE": str(PAGE),
            "CONFAB_MAX_SOCKETS_PER_USER": "0",
            "CONFAB_MESSAGES_PER_10S": "0",
        }

    async def _start(self, *names: str) -> None:
        for name in names:
            await self.servers[name].launch()
        await asyncio.gather(*(self.servers[name].serves() for name in names))

    async def _migrate(self, env: Mapping[str, str]) -> None:
        command = (sys.executable, "-m", "confab.store", "migrate")
        migrating = await asyncio.create_subprocess_exec(*command, env=env, cwd=ROOT, stdout=DEVNULL)
        assert await migrating.wait() == 0, "the schema could not be put in place"

    async def _close(self) -> None:
        await asyncio.gather(*(server.close() for server in self.servers.values()))


def _answers(path: str, *, status: int = 200):
    """Ready when a GET of this path is answered with this status."""

    async def ready(server: Server) -> bool:
        async with httpx.AsyncClient(timeout=READY_S, trust_env=False) as http:
            try:
                answer = await http.get(f"http://{server.address}{path}")
            except httpx.TransportError:
                return False
            return answer.status_code == status

    return ready
