"""The system under attack: two instances and three functions, to which Google is on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.hostile.attempt import Target
from tests.hostile.options import Options
from tests.support.firebase_keys import PROJECT
from tests.support.google import Google
from tests.support.processes import Server
from tests.support.system import System

INSTANCES = ("realtime-1", "realtime-2")
FUNCTIONS = ("create_conversation", "add_message", "get_conversation")
TTL_S = 5
MESSAGES_PER_10S = 1_000
"""More than the default: a pair that was held up for long sends everything at once."""


class Besieged:
    """The system, and which of its servers are attacked."""

    def __init__(self, system: System, target: Target) -> None:
        self._system = system
        self.target = target
        self.attacked: dict[str, Server] = {name: system.servers[name] for name in (*INSTANCES, *FUNCTIONS)}

    @classmethod
    @asynccontextmanager
    async def running(cls, options: Options, folder: Path) -> AsyncIterator["Besieged"]:
        """Everything up; gone afterwards."""
        with Google().serving() as google:
            env = {
                **options.malloc,
                "GOOGLE_CLOUD_PROJECT": PROJECT,
                "GCE_METADATA_HOST": google.address,
                "GCE_METADATA_IP": google.address,
                "CLOUDSDK_CONFIG": str(folder),  # nobody's own credentials
                "CONFAB_REVOCATION_TTL_S": str(TTL_S),
                "CONFAB_MESSAGES_PER_10S": str(MESSAGES_PER_10S),
            }
            async with System.running(folder, env, root=options.root, in_memory=True) as system:
                system.launcher = ("tests.support.redirected", google.url)
                instances = [await system.instance(name) for name in INSTANCES]
                functions = {name: await system.function(name) for name in FUNCTIONS}
                await system.serves()
                target = Target(
                    instances=tuple(server.address for server in instances),
                    functions={name: server.address for name, server in functions.items()},
                    google=google.address,
                    bus=system.bus.address,
                    project=PROJECT,
                    ttl_s=TTL_S,
                    small=options.small,
                    seed=options.seed,
                )
                yield cls(system, target)

    def fallen(self) -> list[str]:
        """The store and the bus, where they have ended."""
        used = (self._system.store_server, self._system.bus)
        return [server.name for server in used if not server.running]

    async def revive(self) -> None:
        """Start again what has ended."""
        for server in self.attacked.values():
            await server.ensure_running()
