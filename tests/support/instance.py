"""One realtime instance on in-memory twins, reached over real sockets."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from socketio.exceptions import ConnectionError as Refused

from confab.domain.requests import CreateConversation, parse
from confab.ports import Publisher, TokenVerifier
from confab.realtime.container import Container
from tests.support.adapters import MemoryAdapters, NamedUsers
from tests.support.clients import Client
from tests.support.samples import principal
from tests.support.twins.bus import MemoryBus

OWNER, MEMBER, READER, STRANGER = "alice", "bob", "rita", "eve"


class Instance:
    """The instance, and a conversation of the owner's in its store.

    A socket is in one room at most; a user has two sockets at most, and writes and types twice at most.
    """

    def __init__(self, publisher: Publisher | None = None, verifier: TokenVerifier | None = None) -> None:
        """With a publisher, what the instance publishes goes there and does not come back."""
        self.bus = MemoryBus()
        self.users = NamedUsers()
        self.adapters = MemoryAdapters(
            CONFAB_MAX_ROOMS_PER_SOCKET="1",
            CONFAB_MAX_SOCKETS_PER_USER="2",
            CONFAB_MESSAGES_PER_10S="2",
            CONFAB_TYPING_PER_5S="2",
            CONFAB_CLOCK_SKEW_S="0",
        )
        self.adapters.verifier = verifier or self.users
        self.adapters.publisher, self.adapters.subscription = (
            publisher or self.bus.publisher(),
            self.bus.subscription(self.adapters.instance),
        )
        self.container = Container(self.adapters)
        self._conversations = self.adapters.conversations_announced_by(self.container.announcer)
        self.room = ""
        self._serving, self._clients = AsyncExitStack(), AsyncExitStack()
        self.url = ""

    async def start(self) -> None:
        port = await self._serving.enter_async_context(self.container.serving("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{port}"
        members = [{"userId": MEMBER}, {"userId": READER, "access": "read"}]
        request = parse(CreateConversation, {"type": "chat", "members": members}, self.adapters.config)
        made = await self._conversations.create_conversation(request, caller=principal(OWNER))
        self.room = made.conversation.id

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    async def finalize(self) -> None:
        """End the conversation, as its owner."""
        await self._conversations.finalize_conversation(self.room, caller=principal(OWNER))

    async def client(self, user: str = OWNER, **auth: object) -> Client:
        """A connected socket."""
        client = Client()
        await client.connect(self.url, {"token": user, **auth})
        self._clients.push_async_callback(client.close)
        return client

    async def in_room(self, user: str) -> Client:
        """A socket that is in the conversation's room."""
        client = await self.client(user, conversationId=self.room)
        await client.until(lambda c: bool(c.of("joined")))
        return client

    async def refusal(self, auth: object) -> Any:
        """The problem with which the instance refuses a client."""
        client = Client()
        with pytest.raises(Refused):
            await client.connect(self.url, auth)
        return client.refusal

    def break_store(self, error: Exception) -> None:
        """Let every reading of the log end in an error."""

        async def fail(*_: object, **__: object) -> None:
            raise error

        for name in ("page", "conversation"):
            setattr(self.adapters.store, name, fail)

    async def stop(self) -> None:
        """End the instance as SIGTERM does."""
        await self._serving.aclose()

    async def close(self) -> None:
        await self._clients.aclose()
        await self.stop()
