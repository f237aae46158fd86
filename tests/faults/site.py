"""Processes of Confab over a store and a bus of their own, for tests that end them at chosen moments."""

import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from confab.domain.models import Entry
from confab.store.surreal import SurrealStore
from tests.faults.storm.server import ROOT, Server, listens
from tests.faults.storm.users import PROJECT, user
from tests.support.clients import Client
from tests.support.inherited import inherited
from tests.support.lost_answers import LosingProxy, losing_proxy
from tests.support.pubsub import PubSubServer, pubsub_server
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, surreal_server, surreal_store

ANSWER_S = 8.0
EVERYTHING = 1_000_000


class Process(Server):
    """A server whose end can be looked at."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def ask_to_end(self) -> None:
        """Send SIGTERM, and do not wait."""
        self._signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        """What it ends with, once it has ended by itself."""
        assert self._process is not None
        return await self._process.wait()

    def resident_bytes(self) -> int:
        """The memory that it occupies."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["VmRSS"].split()[0]) * 1024


class Site:
    """A store, a bus, and the processes that a test adds."""

    def __init__(self, folder: Path, store: SurrealServer, bus: PubSubServer, ends: AsyncExitStack) -> None:
        self.store_server = store
        self.bus = bus
        self.store: SurrealStore = surreal_store(store)
        self._folder = folder
        self._ends = ends
        ends.push_async_callback(self.store.close)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator["Site"]:
        """The store and the bus; they and everything added are gone afterwards."""
        async with AsyncExitStack() as ends:
            store = await ends.enter_async_context(surreal_server(folder / "store"))
            bus = await ends.enter_async_context(pubsub_server())
            yield cls(folder, store, bus, ends)

    async def store_proxy(self) -> LosingProxy:
        """One more way to the store, on which answers can be held back."""
        return await self._ends.enter_async_context(losing_proxy(self.store_server.port))

    async def instance(self, name: str, store: LosingProxy | None = None, **env: str) -> Process:
        """A realtime instance that is being started."""
        return await self._launch(name, ("-m", "confab.realtime"), store, env)

    async def function(self, name: str, store: LosingProxy | None = None, **env: str) -> Process:
        """A function that is being started."""
        command = ("-m", "functions_framework", "--source=functions/main.py", f"--target={name}")
        return await self._launch(name, (*command, "--host=127.0.0.1", "--port={port}"), store, env)

    async def client(self, instance: Process, uid: str, room: str | None = None) -> Client:
        """A connected socket; in the room from its beginning on, if one is given. Close it."""
        client = await Client().connect(instance.url, {"token": user(uid).token})
        if room is not None:
            assert (await client.join(room, after=0))["ok"]
        return client

    async def log(self, room: str) -> list[Entry]:
        """The conversation's entries in the store."""
        return await self.store.entries(room, 1, EVERYTHING)

    async def _launch(
        self, name: str, arguments: tuple[str, ...], store: LosingProxy | None, env: Mapping[str, str]
    ) -> Process:
        ready = listens if "functions_framework" in arguments else _is_ready
        process = Process(
            name,
            (sys.executable, *arguments),
            env={**self._env(store), **env},
            folder=self._folder,
            ready=ready,
        )
        self._ends.push_async_callback(process.close)
        await process.launch()
        return process

    def _env(self, store: LosingProxy | None) -> dict[str, str]:
        return inherited(measured=False) | {
            "PYTHONPATH": str(ROOT / "functions"),
            "HOST": "127.0.0.1",
            "SURREALDB_URL": f"ws://127.0.0.1:{(store or self.store_server).port}",
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": self.bus.host,
            "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9",  # lets firebase-admin take unsigned tokens
            "CONFAB_REVOCATION_TTL_S": "never",
            "CONFAB_MAX_SOCKETS_PER_USER": "0",
            "CONFAB_MESSAGES_PER_10S": "0",
        }


async def post(function: Process, uid: str, path: str, body: Any, **headers: str) -> httpx.Response:
    """Call a function; raises httpx.TransportError if it ends before it has answered."""
    async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False) as http:
        return await http.post(
            f"{function.url}/api/conversations{path}",
            json=body,
            headers={"Authorization": f"Bearer {user(uid).token}", **headers},
        )


async def _is_ready(server: Server) -> bool:
    async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False) as http:
        try:
            return (await http.get(f"http://{server.address}/readyz")).is_success
        except httpx.TransportError:
            return False
