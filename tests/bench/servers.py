"""The servers that are compared, each started afresh for each measurement."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from confab.domain.limits import Limits
from confab.domain.requests import CreateConversation, parse
from tests.support.accounting import cpu_s
from tests.support.adapters import conversations_over
from tests.support.firebase_keys import PROJECT, SigningKey
from tests.support.google import Google
from tests.support.inherited import inherited
from tests.support.processes import Server, listens
from tests.support.samples import principal
from tests.support.system import System

T = TypeVar("T")
NODE = Path(__file__).parent / "node"
KEY = SigningKey("bench")
ID_CHARS = 21
"""As long as Confab's, so that messages have the same size."""
CPU = "server"
"""The part that holds the sockets."""


@dataclass(slots=True)
class Subject:
    """A server under measurement, in one process. It knows neither owners nor members."""

    process: Server
    clients: ExitStack = field(default_factory=ExitStack, init=False)
    """Closes the sockets of clients."""

    @property
    def parts(self) -> Mapping[str, int]:
        """The processes whose CPU its work costs, by name."""
        return {CPU: self.process.pid}

    async def conversation(self, *_people: str) -> str:
        """The id of a conversation that they may join; a room exists once somebody joins it."""
        return uuid4().hex[:ID_CHARS]

    async def spending(self, action: Callable[[], T]) -> tuple[T, dict[str, float]]:
        """What an action returns, and the CPU seconds that each of the parts used meanwhile."""
        parts = self.parts
        before = {name: cpu_s([pid]) for name, pid in parts.items()}
        result = await asyncio.to_thread(action)
        return result, {name: cpu_s([pid]) - before[name] for name, pid in parts.items()}


@dataclass(slots=True)
class Confab(Subject):
    """A realtime container on a store and a bus of its own."""

    system: System
    other: Server
    """A second container on the same store and bus, or the same one."""

    @property
    def parts(self) -> Mapping[str, int]:
        """Its own process, and the store's and the bus's."""
        return {CPU: self.process.pid, "store": self.system.store_server.pid, "bus": self.system.bus.pid}

    async def conversation(self, *people: str) -> str:
        """A conversation in the store, of the first one with the others."""
        owner, *members = people
        listed = [{"userId": one, "access": "write"} for one in members]
        created = await conversations_over(self.system.store).create_conversation(
            parse(CreateConversation, {"type": "chat", "members": listed}, Limits()), caller=principal(owner)
        )
        return created.conversation.id


@asynccontextmanager
async def confab(containers: int = 1) -> AsyncIterator[Confab]:
    """Confab with so many containers."""
    with tempfile.TemporaryDirectory() as name, Google(KEY).serving() as google:
        account = Path(name) / "account.json"
        account.write_text(json.dumps(KEY.service_account()))
        env = {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
            "CONFAB_REVOCATION_TTL_S": "never",  # looking users up is Google's time, not the container's
            "CONFAB_MESSAGES_PER_10S": "0",
            "CONFAB_MAX_SOCKETS_PER_USER": "0",
        }
        async with System.running(Path(name), env) as system:
            system.launcher = ("tests.support.redirected", google.url)
            instances = [await system.instance(f"realtime-{number}") for number in range(containers)]
            await system.serves()
            yield Confab(instances[0], system, instances[-1])


@asynccontextmanager
async def baseline(*command: str, storing: bool = False) -> AsyncIterator[Subject]:
    """A server that broadcasts, given the certificate and, if it stores, a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = folder / "certificate.pem"
        certificate.write_text(KEY.certificate)
        arguments = (str(certificate), str(folder / "store"))[: 1 + storing]
        env = inherited(measured=False) | {"NODE_ENV": "production"}
        server = Server("baseline", (*command, *arguments), env=env, folder=folder, ready=listens)
        try:
            await server.start()
            yield Subject(server)
        finally:
            await server.close()


Starter = Callable[[], AbstractAsyncContextManager[Subject]]

_SOCKET_IO = partial(baseline, "node", str(NODE / "server.mjs"))
STARTERS: Mapping[str, Starter] = {
    "confab": confab,
    "node": _SOCKET_IO,
    "node-storing": partial(_SOCKET_IO, storing=True),
}
