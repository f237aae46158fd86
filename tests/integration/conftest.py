"""A world of two realtime instances on a real store and a real bus."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio
from socketio.exceptions import ConnectionError as Refused

from confab import config
from confab.conversations import Conversations, SystemClock
from confab.domain.models import Principal, timestamp_text
from confab.domain.requests import AddMessage, CreateConversation, parse
from confab.fanout.announce import InlineAnnouncer
from confab.ports import Announcer
from confab.realtime.container import Container
from confab.wiring import Adapters
from tests.support.adapters import Announced, NamedUsers
from tests.support.clients import Client, DeafSocket
from tests.support.pubsub import PubSubServer, pubsub_server
from tests.support.samples import principal
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, migrate, surreal_server

ORIGIN = "http://127.0.0.1:5000"
PROJECT = "demo-confab"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store_server() -> AsyncIterator[SurrealServer]:
    with tempfile.TemporaryDirectory() as folder:
        async with surreal_server(Path(folder) / "store") as server:
            yield server


@pytest.fixture
async def server(store_server: SurrealServer) -> AsyncIterator[SurrealServer]:
    """A database of the test's own on the server of all tests, which they may freeze but not kill."""
    server = store_server.with_database()
    await migrate(server)
    yield server
    server.thaw()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bus_server() -> AsyncIterator[PubSubServer]:
    async with pubsub_server() as server:
        yield server


class World:
    """Two instances, what stands behind them, and the clients of a test."""

    slow_reader_bytes = 200_000
    cells = ("main", "main")
    """Which cell each instance serves."""

    def __init__(self, store: SurrealServer, bus: PubSubServer) -> None:
        self._bus = bus
        self._env = {
            "SURREALDB_URL": store.url,
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": bus.host,
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

    async def start(self) -> None:
        for cell in self.cells:
            adapters = Adapters(config.load(self._env | {"CONFAB_CELL": cell}), background=True)
            adapters.verifier = self._users
            self._adapters.append(adapters)
            container = Container(adapters)
            stack = AsyncExitStack()
            port = await stack.enter_async_context(container.serving("127.0.0.1", 0))
            self._instances.append(stack)
            self._containers.append(container)
            self.urls.append(f"http://127.0.0.1:{port}")
            await self._until(lambda adapters=adapters: adapters.subscription.connected)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        for instance in self._instances:
            await instance.aclose()
        await self._function.close()

    async def stop(self, index: int) -> None:
        """End an instance as SIGTERM does."""
        await self._instances[index].aclose()

    async def client(
        self,
        user: str,
        instance: int,
        room: str | None = None,
        *,
        after: int | None = None,
        **how: Any,
    ) -> Client:
        """A connected socket; in the room once this returns, if one is given."""
        auth = {"token": user, "conversationId": room, "after": after}
        client = Client()
        self._clients.append(client)
        await client.connect(
            self.urls[instance], {name: value for name, value in auth.items() if value is not None}, **how
        )
        if room is not None:
            await client.until(lambda c: bool(c.of("joined")))
        return client

    @asynccontextmanager
    async def deaf_socket(self, user: str, instance: int, room: str) -> AsyncIterator[DeafSocket]:
        """A socket in a room that takes nothing off the wire until it is asked to."""
        async with DeafSocket.connected(self.urls[instance]) as deaf:
            await deaf.say("40" + json.dumps({"token": user, "conversationId": room}))
            await deaf.read_until("joined")
            yield deaf

    @contextmanager
    def slow_store(self, instance: int, seconds: float) -> Iterator[None]:
        """Every page of the log takes a while to read."""
        store = self._adapters[instance].store
        page = store.page

        async def slowly(*which: Any, **where: Any) -> Any:
            await asyncio.sleep(seconds)
            return await page(*which, **where)

        with patch.object(store, "page", slowly):
            yield

    @contextmanager
    def slow_keys(self, seconds: float) -> Iterator[None]:
        """Every token takes a while to verify."""
        verify = self._users.verify

        async def slowly(token: str) -> Principal:
            await asyncio.sleep(seconds)
            return await verify(token)

        with patch.object(self._users, "verify", slowly):
            yield

    @contextmanager
    def broken_store(self, instance: int) -> Iterator[None]:
        """Reading the log meets a defect."""
        with patch.object(self._adapters[instance].store, "page", side_effect=RuntimeError("a defect")):
            yield

    def break_listener(self, instance: int) -> None:
        """The next event that the instance hears meets a defect outside of everything that expects one."""
        subscription: Any = self._adapters[instance].subscription
        decoded = subscription._decoded

        def fail(messages: Any) -> Any:
            subscription._decoded = decoded
            raise RuntimeError(f"a defect, with {len(messages)} messages")

        subscription._decoded = fail

    def deafen(self, instance: int) -> None:
        """The instance's stream stays open and brings nothing, until the subscription is begun anew."""
        subscription: Any = self._adapters[instance].subscription
        decoded, restart = subscription._decoded, subscription.restart

        def hear_again(*, fresh: bool) -> None:
            subscription._decoded = decoded
            restart(fresh=fresh)

        subscription._decoded = lambda _: []
        subscription.restart = hear_again

    def connections(self, instance: int) -> int:
        """The Engine.IO sockets of an instance, let in or not."""
        return len(self._containers[instance].transport.eio.sockets)

    def pending(self, instance: int) -> int:
        """The sockets that have asked to be let in and have no answer."""
        return len(self._containers[instance].transport.manager.pending_connect.get("/", []))

    def begin_drain(self, instance: int) -> None:
        self._containers[instance].application.drain()

    def unsent_bytes(self) -> int:
        """What waits for the sockets of all instances."""
        return sum(socket.unsent for c in self._containers for socket in c.transport.eio.sockets.values())

    async def refused(self, auth: object) -> Client:
        """A socket that was not let in."""
        client = Client()
        with pytest.raises(Refused):
            await client.connect(self.urls[0], auth)
        return client

    async def conversation(self, members: Sequence[str | tuple[str, str]] = (), *, cell: str = "main") -> str:
        """A new conversation of alice's, in this cell; its id."""
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
        """Write as alice through what a function does; without `announce`, its event is lost."""
        await self._conversations(self._announcer() if announce else Announced()).add_message(
            room, parse(AddMessage, {"content": content}, self._function.config), caller=principal("alice")
        )

    async def rest_finalize(self, room: str) -> None:
        await self._conversations(self._announcer()).finalize_conversation(room, caller=principal("alice"))

    async def silence_bus(self) -> None:
        """Kill the bus; the fixture brings it back for the next test."""
        await self._bus.kill()

    def expire_in(self, seconds: float) -> None:
        self._users.expires_at = datetime.now(UTC) + timedelta(seconds=seconds)

    def expires_at(self) -> str:
        return timestamp_text(self._users.expires_at)

    def sockets(self) -> int:
        return sum(len(container.sessions.all()) for container in self._containers)

    def rooms(self) -> int:
        return sum(len(container.rooms) for container in self._containers)

    async def settled(self) -> None:
        """Long enough for what is on its way to arrive."""
        await asyncio.sleep(0.3)

    def _conversations(self, announcer: Announcer, cell: str = "main") -> Conversations:
        return Conversations(
            self._function.store, announcer, clock=SystemClock(), limits=self._function.config, cells=(cell,)
        )

    def _announcer(self) -> InlineAnnouncer:
        return InlineAnnouncer(self._function.publisher, origin="a function")

    async def _until(self, condition: Any, within: float = 10) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, "not in time"
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def world(store_server: SurrealServer, bus_server: PubSubServer) -> AsyncIterator[World]:
    world = World(store_server, bus_server)
    await world.start()
    try:
        yield world
    finally:
        await world.close()
        await bus_server.ensure_running()
