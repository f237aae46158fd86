"""What the functions find when they start: a store with conversations, a bus, Google, an environment."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from confab.http.routes import ROUTES
from confab.store.surreal import SurrealStore
from tests.bench.functions.deployment import Deployment
from tests.bench.functions.server import ask, served
from tests.support.firebase_keys import PROJECT
from tests.support.google import Google
from tests.support.rates import NO_RATES
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import PASSWORD, USER
from tests.support.system import System

UID = "alice"
BARE = "bare"
FUNCTIONS = (
    BARE,
    "get_conversation",
    "list_conversations",
    "create_conversation",
    "add_message",
    "finalize_conversation",
    "read_log",
    "edit_message",
    "set_member",
)
PAGE = 50
"""Messages of the conversation that is read, and conversations of the user: full pages."""
CONTENT = "A message of the length that people write: a sentence or two, about a hundred characters in all."
BODIES = {
    "create_conversation": [b'{"type":"chat"}'],
    "add_message": [b'{"content":"Hello"}'],
    "edit_message": [b'{"content":"Hello"}', b'{"content":"Hello, again"}'],
    "set_member": [b'{"access":"read"}', b'{"access":"write"}'],
}
"""The bodies that take turns: a change that changes nothing would store nothing."""
_ROUTES = {route.operation: route for route in ROUTES}


@dataclass(frozen=True)
class Site:
    """A deployment and everything that it talks to."""

    deployment: Deployment
    env: Mapping[str, str]
    _google: Google
    _store: SurrealStore
    _read: str
    """The conversation that is read."""

    async def requests(self, target: str) -> Iterator[bytes]:
        """Requests without end that this function answers with a success and the usual amount of work.

        They are as a browser would send them through Hosting, as far as functions look at them.
        """
        route = _ROUTES["get_conversation" if target == BARE else target]
        finalizes = target == "finalize_conversation"
        conversation_id = await _conversation(self._store, messages=1) if finalizes else self._read
        lines = [
            f"{route.method} {route.path.format(id=conversation_id, seq=1, userId='bob')} HTTP/1.1",
            "Host: confab.example",
            f"Authorization: Bearer {self._google.token(UID)}",
            "Accept: */*",
            "Accept-Encoding: gzip, deflate",
            "User-Agent: bench",
        ]
        if route.body:
            lines.append("Content-Type: application/json")
        head = "\r\n".join(lines).encode()
        bodies = BODIES.get(target, [b""])
        return cycle([head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body for body in bodies])


@asynccontextmanager
async def running_site(folder: Path) -> AsyncIterator[Site]:
    """A site, up and filled; gone afterwards."""
    async with AsyncExitStack() as ends:
        google = ends.enter_context(Google().serving())
        system = await ends.enter_async_context(System.running(folder))
        read = await _conversation(system.store, messages=PAGE)
        for _ in range(PAGE - 1):
            await _conversation(system.store, messages=1)
        body = folder / "body.json"
        env = {
            "PATH": os.defpath,
            "BARE_BODY": str(body),
            **NO_RATES,  # nothing else would be measured
            "GCE_METADATA_HOST": google.address,
            "GCE_METADATA_IP": google.address,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": system.bus.address,
            "SURREALDB_URL": f"ws://{system.store_server.address}",
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
        }
        site = Site(Deployment(folder / "deployment", google.url), env, google, system.store, read)
        async with (
            served(site.deployment, "get_conversation", env) as function,
            function.connection() as reader,
        ):
            body.write_bytes(await ask(reader, next(await site.requests("get_conversation"))))
        yield site


async def _conversation(store: SurrealStore, *, messages: int) -> str:
    made = conversation(uuid.uuid4().hex, owner=UID, members=(), title="A conversation")
    await store.create(made, None, now=NOW)
    for _ in range(messages):
        key = uuid.uuid4().hex
        await store.append(
            draft(CONTENT, conversation_id=made.id, author=UID, client_message_id=key), now=NOW
        )
    return made.id
