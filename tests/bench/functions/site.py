"""What the functions find when they start: a store with conversations, a bus, Google, an environment."""

import os
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from confab.store.surreal import SurrealStore
from tests.bench.functions.client import Request
from tests.bench.functions.deployment import Deployment
from tests.support.firebase_keys import PROJECT
from tests.support.google import Google
from tests.support.pubsub import pubsub_server
from tests.support.samples import NOW, conversation, draft
from tests.support.surrealdb import PASSWORD, USER, surreal_server, surreal_store

UID = "alice"
BARE = "bare"
READS = ("get_conversation", "list_conversations")
WRITES = ("create_conversation", "add_message", "finalize_conversation")
MESSAGES = 50
"""Messages of the conversation that is read: a full page."""
CONVERSATIONS = 50
"""Conversations of the user: a full page too."""
CONTENT = "A message of the length that people write: a sentence or two, about a hundred characters in all."


@dataclass(frozen=True)
class Site:
    """A deployment and everything that it talks to."""

    deployment: Deployment
    env: Mapping[str, str]
    body: Path
    """What the bare function answers."""
    _google: Google
    _store: SurrealStore
    _conversation: str

    async def request(self, target: str) -> Request:
        """A request that this function answers with a success and the usual amount of work."""
        token = self._google.token(UID)
        one = f"/api/conversations/{self._conversation}"
        requests: Mapping[str, Callable[[], Request]] = {
            BARE: lambda: Request.of("GET", one, token),
            "get_conversation": lambda: Request.of("GET", one, token),
            "list_conversations": lambda: Request.of("GET", "/api/conversations", token),
            "create_conversation": lambda: Request.of(
                "POST", "/api/conversations", token, b'{"type":"chat"}'
            ),
            "add_message": lambda: Request.of("POST", f"{one}/messages", token, b'{"content":"Hello"}'),
        }
        if target == "finalize_conversation":
            fresh = await _conversation(self._store, messages=1)
            return Request.of("POST", f"/api/conversations/{fresh}/finalize", token)
        return requests[target]()


@asynccontextmanager
async def running_site(folder: Path) -> AsyncIterator[Site]:
    """A site, up and filled; gone afterwards."""
    async with AsyncExitStack() as ends:
        google = ends.enter_context(Google().serving())
        server = await ends.enter_async_context(surreal_server(folder / "store"))
        bus = await ends.enter_async_context(pubsub_server())
        store = surreal_store(server)
        ends.push_async_callback(store.close)
        read = await _conversation(store, messages=MESSAGES)
        for _ in range(CONVERSATIONS - 1):
            await _conversation(store, messages=1)
        body = folder / "body.json"
        env = {
            "PATH": os.defpath,
            "BARE_BODY": str(body),
            "CONFAB_MESSAGES_PER_10S": "0",  # nothing else would be measured
            "GCE_METADATA_HOST": google.address,
            "GCE_METADATA_IP": google.address,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": bus.address,
            "SURREALDB_URL": server.url,
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
        }
        deployment = Deployment(folder / "deployment", google.url)
        yield Site(deployment, env, body, google, store, read)


async def _conversation(store: SurrealStore, *, messages: int) -> str:
    made = conversation(uuid.uuid4().hex, owner=UID, members=(), title="A conversation")
    await store.create(made, None, now=NOW)
    for _ in range(messages):
        key = uuid.uuid4().hex
        await store.append(
            draft(CONTENT, conversation_id=made.id, author=UID, client_message_id=key), now=NOW
        )
    return made.id
