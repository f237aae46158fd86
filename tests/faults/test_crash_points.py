"""A process is killed at one point of its work: nothing is lost, and a retry is safe."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.clients import Client
from tests.support.lost_answers import LosingProxy, losing_proxy
from tests.support.processes import Server
from tests.support.system import System, post

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOLD_WITHIN_S = 5.0
"""What the contract promises for a bus that brings nothing."""
Clients = Callable[..., Awaitable[Client]]
POINTS = ("after the commit", "while publishing")


@dataclass
class Setting:
    """Two instances and the functions that write; one of each can be cut off from its store's answers."""

    site: System
    instances: list[Server]
    functions: dict[str, Server]
    to_functions: LosingProxy
    to_instance: LosingProxy

    @contextmanager
    def stopped(self, point: str, proxy: LosingProxy, *, reads: int = 1) -> Iterator[None]:
        """Who writes gets as far as this point and no further.

        Before a write comes a read, except for a new conversation, and nothing else is asked.
        """
        if point == "after the commit":
            proxy.hold_answers(after=reads)
        else:
            self.site.bus.freeze()
        try:
            yield
        finally:
            proxy.pass_answers()
            self.site.bus.thaw()

    async def restarted(self, process: Server) -> None:
        await process.launch()
        await process.serves()

    async def conversation(self) -> str:
        """A new conversation; every function has asked the store something after this."""
        id_ = str((await self.call("create_conversation", "", {"type": "chat"})).json()["id"])
        for name, path in (("add_message", "messages"), ("finalize_conversation", "finalize")):
            body = {"content": "?"} if name == "add_message" else {}
            assert (await self.call(name, f"/{id_[::-1]}/{path}", body)).status_code == 404
        return id_

    async def call(self, name: str, path: str, body: Any, **headers: str) -> httpx.Response:
        return await post(self.functions[name], "alice", path, body, **headers)

    async def killed_in(
        self, name: str, calling: Awaitable[httpx.Response], stored: Callable[[], Awaitable[object]]
    ) -> None:
        """Kill a function once it has stored what it was asked for; its caller gets no answer."""
        call = asyncio.ensure_future(calling)
        await until(stored)
        await self.functions[name].kill()
        with pytest.raises(httpx.TransportError):
            await call


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def setting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    async with (
        System.running(tmp_path_factory.mktemp("site")) as site,
        losing_proxy(site.store_server.port) as to_functions,
        losing_proxy(site.store_server.port) as to_instance,
    ):
        instances = [await site.instance("realtime-1", to_instance), await site.instance("realtime-2")]
        names = ("create_conversation", "add_message", "finalize_conversation")
        functions = {name: await site.function(name, to_functions) for name in names}
        await site.serves()
        yield Setting(site, instances, functions, to_functions, to_instance)


@pytest_asyncio.fixture(loop_scope="module")
async def client(setting: Setting) -> AsyncIterator[Clients]:
    """Makes a client at an instance, in a room if one is given."""
    async with AsyncExitStack() as ends:

        async def connected(instance: Server, room: str | None = None) -> Client:
            client = await setting.site.client(instance, "alice", room)
            ends.push_async_callback(client.close)
            return client

        yield connected


async def until(condition: Callable[[], Awaitable[object]], within: float = 8) -> None:
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


async def all_received(ears: list[Client], event: str) -> None:
    """Everybody receives the event once, within the time of the contract."""
    async with asyncio.timeout(TOLD_WITHIN_S):
        for ear in ears:
            await ear.until(lambda client: bool(client.of(event)))


@pytest.mark.parametrize("point", POINTS)
async def test_a_message_outlives_the_function_that_stored_it(setting: Setting, client: Clients, point: str):
    room = await setting.conversation()
    ears = [await client(instance, room) for instance in setting.instances]
    path, first = f"/{room}/messages", {"content": "hello", "clientMessageId": "m1"}
    with setting.stopped(point, setting.to_functions):
        await setting.killed_in(
            "add_message", setting.call("add_message", path, first), lambda: setting.site.log(room)
        )
        starting = asyncio.create_task(setting.restarted(setting.functions["add_message"]))
        await all_received(ears, "message")
    await starting
    again = await setting.call("add_message", path, first)
    second = await setting.call("add_message", path, {"content": "and more", "clientMessageId": "m2"})
    assert (again.status_code, second.status_code) == (200, 201)
    assert [entry.wire() for entry in await setting.site.log(room)] == [again.json(), second.json()]
    for ear in ears:
        await ear.until(lambda client: 2 in client.seqs())
        assert ear.of("message") == [again.json(), second.json()]


@pytest.mark.parametrize("point", POINTS)
async def test_a_finalization_outlives_the_function_that_stored_it(
    setting: Setting, client: Clients, point: str
):
    room = await setting.conversation()
    ears = [await client(instance, room) for instance in setting.instances]
    with setting.stopped(point, setting.to_functions):
        await setting.killed_in(
            "finalize_conversation",
            setting.call("finalize_conversation", f"/{room}/finalize", {}),
            lambda: setting.site.log(room),
        )
        starting = asyncio.create_task(setting.restarted(setting.functions["finalize_conversation"]))
        await all_received(ears, "finalized")
    await starting
    answers = [await setting.call("finalize_conversation", f"/{room}/finalize", {}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    entries = [entry.wire() for entry in await setting.site.log(room)]
    assert [entry["seq"] for entry in entries] == [answers[0].json()["seq"]] == [1]
    refused = await setting.call("add_message", f"/{room}/messages", {"content": "late"})
    assert refused.json()["code"] == "conversation_finalized"
    for ear in ears:
        assert [payload for _, payload in ear.received] == entries


async def test_a_conversation_outlives_the_function_that_stored_it(setting: Setting):
    async def mine() -> list[Any]:
        return await setting.site.store.conversations("carol", status=None, after=None, limit=5)

    def create() -> Awaitable[httpx.Response]:
        function = setting.functions["create_conversation"]
        return post(function, "carol", "", {"type": "chat"}, **{"Idempotency-Key": "k1"})

    await setting.conversation()
    with setting.stopped("after the commit", setting.to_functions, reads=0):
        await setting.killed_in("create_conversation", create(), mine)
    await setting.restarted(setting.functions["create_conversation"])
    answers = [await create(), await create()]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [one["id"] for one in await mine()] == [answers[0].json()["id"]] == [answers[1].json()["id"]]


@pytest.mark.parametrize("point", POINTS)
async def test_a_message_outlives_the_instance_that_stored_it(setting: Setting, client: Clients, point: str):
    """Behind the commit the sender has no answer; while publishing it has one."""
    first, second = setting.instances
    room = await setting.conversation()
    sender = await client(first)
    ear = await client(second, room)
    message = {"conversationId": room, "content": "hello", "clientMessageId": "m1"}
    with setting.stopped(point, setting.to_instance):
        if point == "while publishing":
            acknowledged = (await sender.call("message", message))["message"]
        else:
            await sender.sio.emit("message", message)
            await until(lambda: setting.site.log(room))
            acknowledged = None
        await first.kill()
        await all_received([ear], "message")
    sender = await client(second, room)
    again = (await sender.call("message", message))["message"]
    assert acknowledged in (None, again)
    starting = asyncio.create_task(setting.restarted(first))
    more = (await sender.call("message", message | {"content": "more", "clientMessageId": "m2"}))["message"]
    assert [entry.wire() for entry in await setting.site.log(room)] == [again, more]
    await ear.until(lambda client: 2 in client.seqs())
    assert ear.of("message") == [again, more]
    await starting
