"""The system under attack: a store, a bus, two instances and three functions, each a process."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.faults.storm.server import ROOT, Server, listens
from tests.hostile.attempt import Target
from tests.hostile.google import Google
from tests.hostile.options import Options
from tests.hostile.processes import Process
from tests.hostile.raw_http import ask
from tests.support.firebase_keys import PROJECT
from tests.support.inherited import inherited
from tests.support.surrealdb import PASSWORD, USER

INSTANCES = ("realtime-1", "realtime-2")
FUNCTIONS = ("create_conversation", "add_message", "get_conversation")
TTL_S = 5
MESSAGES_PER_10S = 1_000
"""More than the default: a pair that was held up for long sends everything at once."""
READY_S = 2.0


class System:
    """The processes by name."""

    def __init__(self, options: Options, folder: Path, google: str) -> None:
        self._options = options
        self._folder = folder
        self._google = google
        code = options.root / "functions"
        self._env = inherited(measured=False) | {
            "PYTHONPATH": str(code),
            "PYTHONUNBUFFERED": "1",
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
        }
        self._source = str(code / "main.py")
        store = ("-m", "infra.local.surrealdb_server", "--port={port}", "--memory")
        bus = ("-m", "infra.local.pubsub_emulator", "--port={port}")
        self.behind = {
            "store": self._server("store", store, self._env, _answers("/health", 200)),
            "bus": self._server("bus", bus, self._env, listens),
        }
        self.attacked: dict[str, Process] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls, options: Options, folder: Path) -> AsyncIterator["System"]:
        """Everything up; gone afterwards."""
        async with AsyncExitStack() as ends:
            system = cls(options, folder, ends.enter_context(Google().serving()))
            ends.push_async_callback(system._close)
            await system._start(system.behind)
            env = system._served_env()
            await _migrate(env)
            system._add(env)
            await system._start(system.attacked)
            yield system

    @property
    def target(self) -> Target:
        """Where everything is."""
        return Target(
            instances=tuple(self.attacked[name].address for name in INSTANCES),
            functions={name: self.attacked[name].address for name in FUNCTIONS},
            google=self._google,
            bus=self.behind["bus"].address,
            project=PROJECT,
            ttl_s=TTL_S,
            small=self._options.small,
            seed=self._options.seed,
        )

    def fallen(self) -> list[str]:
        """What stands behind the attacked processes and has ended."""
        return [name for name, process in self.behind.items() if not process.running]

    async def revive(self) -> None:
        """Start again what has ended."""
        ended = {name: process for name, process in self.attacked.items() if not process.running}
        for process in ended.values():
            await process.kill()
        await self._start(ended)

    def _add(self, env: Mapping[str, str]) -> None:
        for name in INSTANCES:
            self.attacked[name] = self._server(
                name, self._run("confab.realtime"), env, _answers("/readyz", 200)
            )
        for name in FUNCTIONS:
            arguments = (f"--source={self._source}", f"--target={name}", "--host=127.0.0.1", "--port={port}")
            command = self._run("functions_framework", *arguments)
            self.attacked[name] = self._server(name, command, env, _answers("/nowhere", 404))

    def _run(self, module: str, *arguments: str) -> tuple[str, ...]:
        return ("-m", "tests.hostile.redirected", f"http://{self._google}", module, *arguments)

    def _server(self, name: str, arguments: tuple[str, ...], env: Mapping[str, str], ready) -> Process:
        return Process(name, (sys.executable, *arguments), env=env, folder=self._folder, ready=ready)

    def _served_env(self) -> dict[str, str]:
        return {
            **self._env,
            **self._options.malloc,
            "HOST": "127.0.0.1",
            "SURREALDB_URL": f"ws://{self.behind['store'].address}",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": self.behind["bus"].address,
            "GCE_METADATA_HOST": self._google,
            "GCE_METADATA_IP": self._google,
            "CLOUDSDK_CONFIG": str(self._folder),  # nobody's own credentials
            "CONFAB_REVOCATION_TTL_S": str(TTL_S),
            "CONFAB_MESSAGES_PER_10S": str(MESSAGES_PER_10S),
        }

    async def _start(self, servers: Mapping[str, Process]) -> None:
        for server in servers.values():
            await server.launch()
        await asyncio.gather(*(server.serves() for server in servers.values()))

    async def _close(self) -> None:
        await asyncio.gather(*(server.close() for server in (*self.behind.values(), *self.attacked.values())))


async def _migrate(env: Mapping[str, str]) -> None:
    command = (sys.executable, "-m", "confab.store", "migrate")
    migrating = await asyncio.create_subprocess_exec(*command, env=env, cwd=ROOT, stdout=DEVNULL)
    assert await migrating.wait() == 0, "the schema could not be put in place"


def _answers(path: str, status: int):
    async def ready(server: Server) -> bool:
        return (await ask(server.address, "GET", path, within_s=READY_S)).status == status

    return ready
