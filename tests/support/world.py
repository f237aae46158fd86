"""Two realtime instances on a real store and a real bus, and the clients of a test."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from unittest.mock import patch

import pytest
from socketio.exceptions import ConnectionError as Refused

from confab import config
from confab.conversations import Conversations
from confab.domain.models import timestamp_text
from confab.domain.requests import AddMessage, CreateConversation, parse
from confab.fanout.announce import InlineAnnouncer
from confab.ports import Announcer
from confab.realtime.container import Container
from confab.wiring import Adapters
from tests.support.adapters import Announced, NamedUsers
from tests.support.clients import Client, DeafSocket
from tests.support.pubsub import PubSubServer
from tests.support.samples import principal
from tests.support.surrealdb import PASSWORD, USER, SurrealServer
from tests.support.waiting import until

ORIGIN = "http://127.0.0.1:5000"
PROJECT = "demo-confab"


class World:
    """Two instances, their store and bus, and the clients of a test."""

    slow_reader_bytes = 200_000
    cells = ("main", "main")
    """The cell of each instance."""

    def __init__(self, store: SurrealServer, bus: PubSubServer) -> None:
        self._bus = bus
        self._env = {
            "SURREALDB_URL": store.url,
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": bus.address,
            "CONFAB_CLOCK_SKEW_S": "0",
            "CONFAB_MAX_ROOMS_PER_SOCKET": "2",
            "CONFAB_MAX_SOCKETS_PER_USER": "4",
            "CONFAB_MESSAGES_PER_10S": "0",
            "CONFAB_ALLOWED_ORIGINS": ORIGIN,
            "CONFAB_SLOW_READER_BYTES": str(self.slow_reader_bytes),
            "CONFAB_MAX_PAGE_BYTES": str(self.slow_reader_bytes // 4),
            "CONFAB_CELLS": ",".join(f"{cell}=http://{cell}.test" for cell in self.cells if cell != "main"),
        }
        self._users = NamedUsers()
        self._instances: list[AsyncExitStack] = []
        self._containers: list[Container] = []
        self._adapters: list[Adapters] = []
        self._clients: list[Client] = []
        self._function = Adapters(config.load(self._env))
        self.urls: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Run the instances; afterwards the bus runs again if the test killed it."""
        try:
            for cell in self.cells:
                await self._start(cell)
            yield self
        finally:
            for client in self._clients:
                await client.close()
            for instance in self._instances:
                await instance.aclose()
            await self._function.close()
            await self._bus.ensure_running()

    async def _start(self, cell: str) -> None:
        adapters = Adapters(config.load(self._env | {"CONFAB_CELL": cell}), background=True)
        adapters.verifier = self._users
        container = Container(adapters)
        instance = AsyncExitStack()
        port = await instance.enter_async_context(container.serving("127.0.0.1", 0))
        self._adapters.append(adapters)
        self._containers.append(container)
        self._instances.append(instance)
        self.urls.append(f"http://127.0.0.1:{port}")
        await until(lambda: adapters.subscription.connected, within=10)

    async def stop(self, index: int) -> None:
        """Stop an instance as SIGTERM does."""
        await self._instances[index].aclose()

    async def client(
        self,
        user: str,
        instance: int,
        room: str | None = None,
        *,
        after: int | None = None,
        **options: Any,
    ) -> Client:
        """A connected socket; it has joined the room, if one is given."""
        auth = {"token": user, "conversationId": room, "after": after}
        client = Client()
        self._clients.append(client)
        await client.connect(
            self.urls[instance], {name: value for name, value in auth.items() if value is not None}, **options
        )
        if room is not None:
            await client.until(lambda c: bool(c.of("joined")))
        return client

    async def refused(self, auth: object) -> Client:
        """A socket whose handshake is refused."""
        client = Client()
        with pytest.raises(Refused):
            await client.connect(self.urls[0], auth)
        return client

    @asynccontextmanager
    async def deaf_socket(self, user: str, instance: int, room: str) -> AsyncIterator[DeafSocket]:
        """A socket in a room that reads nothing until the test asks for it."""
        async with DeafSocket.connected(self.urls[instance]) as deaf:
            await deaf.say("40" + json.dumps({"token": user, "conversationId": room}))
            await deaf.read_until("joined")
            yield deaf

    async def conversation(self, members: Sequence[str | tuple[str, str]] = (), *, cell: str = "main") -> str:
        """A new conversation of alice's in this cell; its id."""
        pairs = [(member, "write") if isinstance(member, str) else member for member in members]
        request = parse(
            CreateConversation,
            {"type": "chat", "members": [{"userId": uid, "access": access} for uid, access in pairs]},
            self._function.config,
        )
        created = await self._conversations(Announced(), cell).create_conversation(
            request, caller=principal("alice")
        )
        return created.conversation.id

    async def rest_message(self, room: str, content: str, *, announce: bool = True) -> None:
        """Add a message of alice's as a function does; without `announce`, its event is lost."""
        await self._conversations(self._announcer() if announce else Announced()).add_message(
            room, parse(AddMessage, {"content": content}, self._function.config), caller=principal("alice")
        )

    async def rest_finalize(self, room: str) -> None:
        await self._conversations(self._announcer()).finalize_conversation(room, caller=principal("alice"))

    def slow_store(self, instance: int, seconds: float) -> Any:
        """Delay every page read of an instance."""
        return _delayed(self._adapters[instance].store, "page", seconds)

    def slow_keys(self, seconds: float) -> Any:
        """Delay the verification of every token."""
        return _delayed(self._users, "verify", seconds)

    def broken_store(self, instance: int) -> Any:
        """Let every page read of an instance fail with a defect."""
        return patch.object(self._adapters[instance].store, "page", side_effect=RuntimeError("a defect"))

    def break_listener(self, instance: int) -> None:
        """Let the listener of an instance fail once, at its next messages, with a defect."""
        subscription: Any = self._adapters[instance].subscription
        decoded = subscription._decoded

        def fail(messages: Any) -> Any:
            subscription._decoded = decoded
            raise RuntimeError(f"a defect, with {len(messages)} messages")

        subscription._decoded = fail

    def deafen(self, instance: int) -> None:
        """Let the open stream of an instance deliver nothing until its subscription restarts."""
        subscription: Any = self._adapters[instance].subscription
        decoded, restart = subscription._decoded, subscription.restart

        def restore(*, fresh: bool) -> None:
            subscription._decoded = decoded
            restart(fresh=fresh)

        subscription._decoded = lambda _: []
        subscription.restart = restore

    async def silence_bus(self) -> None:
        """Kill the bus for the rest of the test."""
        await self._bus.kill()

    def begin_drain(self, instance: int) -> None:
        self._containers[instance].application.drain()

    def expire_in(self, seconds: float) -> None:
        """Let the tokens that are verified from now on expire in so many seconds."""
        self._users.expires_at = datetime.now(UTC) + timedelta(seconds=seconds)

    def expires_at(self) -> str:
        return timestamp_text(self._users.expires_at)

    def connections(self, instance: int) -> int:
        """The Engine.IO sockets of an instance, admitted or not."""
        return len(self._containers[instance].transport.eio.sockets)

    def pending(self, instance: int) -> int:
        """The sockets of an instance whose handshakes are in flight."""
        return len(self._containers[instance].transport.manager.pending_connect.get("/", []))

    def unsent_bytes(self) -> int:
        """The bytes queued for the sockets of all instances."""
        return sum(socket.unsent for c in self._containers for socket in c.transport.eio.sockets.values())

    def sockets(self) -> int:
        return sum(len(container.sessions.all()) for container in self._containers)

    def rooms(self) -> int:
        return sum(len(container.rooms) for container in self._containers)

    async def settled(self) -> None:
        """Wait long enough for whatever is in flight to arrive."""
        await asyncio.sleep(0.3)

    def _conversations(self, announcer: Announcer, cell: str = "main") -> Conversations:
        return Conversations(self._function.store, announcer, limits=self._function.config, cells=(cell,))

    def _announcer(self) -> InlineAnnouncer:
        return InlineAnnouncer(self._function.publisher, origin="a function")


@contextmanager
def _delayed(owner: object, method: str, seconds: float) -> Iterator[None]:
    original = getattr(owner, method)

    async def delayed(*args: Any, **options: Any) -> Any:
        await asyncio.sleep(seconds)
        return await original(*args, **options)

    with patch.object(owner, method, delayed):
        yield
