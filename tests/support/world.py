"""Realtime instances on a real store and a real bus, and the clients of a test."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from unittest.mock import AsyncMock, patch

import pytest
from socketio.exceptions import ConnectionError as Refused

from confab import config
from confab.conversations import Conversations
from confab.domain.models import timestamp_text
from confab.domain.requests import AddMessage, CreateConversation, parse
from confab.fanout.announce import InlineAnnouncer
from confab.ports.bus import Announcer
from confab.ports.identity import TokenVerifier
from confab.realtime.container import Container
from confab.realtime.socketio.connection import State
from confab.wiring import Adapters
from tests.support.adapters import Announced, NamedUsers
from tests.support.clients import Client, DeafSocket
from tests.support.pubsub import PubSubServer
from tests.support.rates import NO_RATES
from tests.support.samples import principal
from tests.support.surrealdb import PASSWORD, USER, SurrealServer
from tests.support.waiting import until

ORIGIN = "http://127.0.0.1:5000"
PROJECT = "demo-confab"
DEFECT = RuntimeError("a defect")


class World:
    """Instances, their store and bus, and the clients of a test."""

    slow_reader_bytes = 200_000

    def __init__(
        self,
        store: SurrealServer,
        bus: PubSubServer,
        *,
        cells: Sequence[str] = ("main", "main"),
        verifier: TokenVerifier | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """With an instance of each of these cells; a token is its user's name unless there is a verifier."""
        self._bus = bus
        self.cells = cells
        self.env = {
            "SURREALDB_URL": store.url,
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": bus.address,
            "CONFAB_CLOCK_SKEW_S": "0",
            "CONFAB_MAX_ROOMS_PER_SOCKET": "2",
            "CONFAB_MAX_SOCKETS_PER_USER": "4",
            **NO_RATES,
            "CONFAB_ALLOWED_ORIGINS": ORIGIN,
            "CONFAB_SLOW_READER_BYTES": str(self.slow_reader_bytes),
            "CONFAB_MAX_PAGE_BYTES": str(self.slow_reader_bytes // 4),
            "CONFAB_CELLS": ",".join(f"{cell}=http://{cell}.test" for cell in cells if cell != "main"),
        } | dict(env or {})
        self.users = NamedUsers()
        self._verifier = verifier or self.users
        self._instances: list[AsyncExitStack] = []
        self.containers: list[Container] = []
        self.adapters: list[Adapters] = []
        self._clients: list[Client] = []
        self.function = Adapters(config.load(self.env))
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
            for container in self.containers:  # a poller that reads nothing more would be waited for
                for left in container.server.sessions:
                    left.abort()
            for instance in self._instances:
                await instance.aclose()
            await self.function.close()
            await self._bus.ensure_running()

    async def _start(self, cell: str) -> None:
        adapters = Adapters(config.load(self.env | {"CONFAB_CELL": cell}), background=True)
        adapters.verifier = self._verifier
        container = Container(adapters)
        instance = AsyncExitStack()
        port = await instance.enter_async_context(container.serving("127.0.0.1", 0))
        self.adapters.append(adapters)
        self.containers.append(container)
        self._instances.append(instance)
        self.urls.append(f"http://127.0.0.1:{port}")
        await until(lambda: adapters.subscription.connected)

    async def stop(self, index: int) -> None:
        """Stop an instance as SIGTERM does."""
        await self._instances[index].aclose()

    async def client(
        self,
        user: str,
        instance: int = 0,
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
            self.function.config,
        )
        created = await self._conversations(Announced(), cell).create_conversation(
            request, caller=principal("alice")
        )
        return created.conversation.id

    async def rest_message(self, room: str, content: str, *, announce: bool = True) -> None:
        """Add a message of alice's as a function does; without `announce`, its event is lost."""
        await self._conversations(self._announcer() if announce else Announced()).add_message(
            room, parse(AddMessage, {"content": content}, self.function.config), caller=principal("alice")
        )

    @property
    def rest(self) -> Conversations:
        """The use cases as a function has them."""
        return self._conversations(self._announcer())

    async def rest_finalize(self, room: str) -> None:
        await self.rest.finalize_conversation(room, caller=principal("alice"))

    def slow_store(self, instance: int, seconds: float) -> Any:
        """Delay every page read of an instance."""
        return _delayed(self.adapters[instance].store, "page", seconds)

    def slow_appends(self, instance: int, seconds: float) -> Any:
        """Delay every message that an instance stores."""
        return _delayed(self.adapters[instance].store, "append", seconds)

    def slow_keys(self, seconds: float) -> Any:
        """Delay the verification of every token."""
        return _delayed(self.users, "verify", seconds)

    def broken_store(self, error: Exception = DEFECT) -> Any:
        """Let every use of a log by the first instance end in an error."""
        failing = AsyncMock(side_effect=error)
        return patch.multiple(
            self.adapters[0].store, page=failing, log=failing, conversation=failing, append=failing
        )

    def deafen(self, instance: int) -> None:
        """Let the open stream of an instance deliver nothing until its subscription restarts."""
        subscription: Any = self.adapters[instance].subscription
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
        self.containers[instance].application.drain()

    def connect_within(self, seconds: float) -> None:
        """Let connections have so many seconds to shake hands."""
        for container in self.containers:
            object.__setattr__(container.server.settings, "connect_s", seconds)

    def expire_in(self, seconds: float) -> None:
        """Let the tokens that are verified from now on expire in so many seconds."""
        self.users.expires_at = datetime.now(UTC) + timedelta(seconds=seconds)

    def expires_at(self) -> str:
        return timestamp_text(self.users.expires_at)

    def connections(self, instance: int) -> int:
        """The sessions of an instance, admitted or not."""
        return len(self.containers[instance].server.sessions)

    def pending(self, instance: int) -> int:
        """The sockets of an instance whose handshakes are in flight."""
        return sum(
            socket.connection.state is State.CONNECTING
            for socket in self.containers[instance].server.sessions
        )

    def unsent_bytes(self) -> int:
        """The bytes queued for the sockets of all instances."""
        return sum(socket.outlet.unsent for c in self.containers for socket in c.server.sessions)

    def backlog(self) -> int:
        """The same as the first instance counts it, if it looks."""
        registry = self.containers[0].server.registry
        registry.relieve()
        return registry.backlog.total

    def sockets(self) -> int:
        return sum(len(container.sessions.all()) for container in self.containers)

    def rooms(self) -> int:
        return sum(len(container.rooms) for container in self.containers)

    async def settled(self) -> None:
        """Wait long enough for whatever is in flight to arrive."""
        await asyncio.sleep(0.3)

    def _conversations(self, announcer: Announcer, cell: str = "main") -> Conversations:
        function = self.function
        return Conversations(
            function.store, announcer, limits=function.config, cells=(cell,), locate=function.views.locate
        )

    def _announcer(self) -> InlineAnnouncer:
        return InlineAnnouncer(self.function.publisher, origin="a function")


@contextmanager
def _delayed(owner: object, method: str, seconds: float) -> Iterator[None]:
    original = getattr(owner, method)

    async def delayed(*args: Any, **options: Any) -> Any:
        await asyncio.sleep(seconds)
        return await original(*args, **options)

    with patch.object(owner, method, delayed):
        yield
