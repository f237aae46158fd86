"""A process is killed at one point of its work: nothing is lost, and a retry is safe."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.clients import Client
from tests.support.lost_answers import LosingProxy, losing_proxy
from tests.support.processes import Server
from tests.support.system import System, call, post

pytestmark = pytest.mark.asyncio(loop_scope="module")
POINTS = ("after the commit", "while publishing")


@dataclass(frozen=True)
class Write:
    """A write of one entry by a function, after a first message."""

    function: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    event: str
    state: str
    """What the entry and the answer have in common."""
    reads: int = 1
    """What the function asks the store before it writes."""
    refusal: str | None = None
    """The error of the next message, if any."""


HELLO, BETTER = {"content": "hello", "clientMessageId": "m1"}, {"content": "better"}
READER, CLOSED = {"access": "read"}, "conversation_finalized"
WRITES = {
    "message": Write("add_message", "POST", "messages", HELLO, "message", "content", reads=0),
    "edit": Write("edit_message", "PATCH", "messages/1", BETTER, "message_changed", "content"),
    "deletion": Write("delete_message", "DELETE", "messages/1", None, "message_changed", "deletedAt"),
    "member": Write("set_member", "PUT", "members/bob", READER, "conversation_changed", "members"),
    "finalization": Write(
        "finalize_conversation", "POST", "finalize", {}, "finalized", "finalizedAt", refusal=CLOSED
    ),
}
FIRST = {"content": "first", "clientMessageId": "m0"}
FUNCTIONS = ("create_conversation", *(write.function for write in WRITES.values()))
MORE = {"content": "more", "clientMessageId": "m2"}


@dataclass
class Setting:
    """Two instances and the functions that write; one of each can be cut off from its store's answers."""

    system: System
    instances: list[Server]
    functions: dict[str, Server]
    to_functions: dict[str, LosingProxy]
    to_instance: LosingProxy
    ends: AsyncExitStack

    @contextmanager
    def stopped(self, point: str, proxies: Mapping[LosingProxy, int]) -> Iterator[None]:
        """Who writes over these gets as far as this point and no further, after so many reads."""
        for proxy, reads in proxies.items() if point == "after the commit" else ():
            proxy.hold_answers(after=reads)
        if point == "while publishing":
            self.system.bus.freeze()
        try:
            yield
        finally:
            for proxy in proxies:
                proxy.pass_answers()
            self.system.bus.thaw()

    async def restarted(self, *processes: Server) -> None:
        await asyncio.gather(*(process.start() for process in processes))

    async def client(self, instance: Server, room: str | None = None) -> Client:
        client = await self.system.client(instance, "alice", room)
        self.ends.push_async_callback(client.close)
        return client

    async def conversation(self) -> str:
        """A new conversation with a message; every function has asked the store something after this."""
        made = await post(self.functions["create_conversation"], "alice", "", {"type": "chat"})
        room = str(made.json()["id"])
        for write in WRITES.values():
            assert (await self.write(write, room[::-1])).status_code == 404
        first = await post(self.functions["add_message"], "alice", f"/{room}/messages", FIRST)
        assert first.json()["seq"] == 1
        return room

    async def write(self, write: Write, room: str) -> httpx.Response:
        function = self.functions[write.function]
        return await call(function, write.method, "alice", f"/{room}/{write.path}", write.body)

    async def written(self, room: str) -> bool:
        return len(await self.log(room)) > 1

    async def log(self, room: str) -> list[dict[str, Any]]:
        return [entry.wire() for entry in await self.system.log(room)]

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
        System.running(tmp_path_factory.mktemp("system")) as system,
        AsyncExitStack() as ends,
    ):
        to_instance, *proxies = [
            await ends.enter_async_context(losing_proxy(system.store_server.port))
            for _ in ("an instance", *FUNCTIONS)
        ]
        to_functions = dict(zip(FUNCTIONS, proxies, strict=True))
        instances = [await system.instance("realtime-1", to_instance), await system.instance("realtime-2")]
        functions = {name: await system.function(name, to_functions[name]) for name in FUNCTIONS}
        await system.serves()
        yield Setting(system, instances, functions, to_functions, to_instance, ends)


async def until(condition: Callable[[], Awaitable[object]], within: float = 15) -> None:
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


async def received(listener: Client, event: str) -> None:
    await listener.until(lambda client: bool(client.of(event)))


@pytest.mark.parametrize("point", POINTS)
async def test_an_entry_outlives_the_function_that_stored_it(setting, point):
    rooms = {name: await setting.conversation() for name in WRITES}
    listeners = {
        name: [await setting.client(instance, room) for instance in setting.instances]
        for name, room in rooms.items()
    }
    reads = {setting.to_functions[write.function]: write.reads for write in WRITES.values()}
    with setting.stopped(point, reads):
        for name, write in WRITES.items():
            stored = partial(setting.written, rooms[name])
            await setting.killed_in(write.function, setting.write(write, rooms[name]), stored)
        waiting = [received(one, WRITES[name].event) for name in WRITES for one in listeners[name]]
        await asyncio.gather(*waiting)
    await setting.restarted(*(setting.functions[write.function] for write in WRITES.values()))
    for name, write in WRITES.items():
        await outlived(setting, write, rooms[name], listeners[name])


async def outlived(setting, write, room, listeners):
    """Retries are answered alike, and everybody has the entry once."""
    first, second = [await setting.write(write, room) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    more = await post(setting.functions["add_message"], "alice", f"/{room}/messages", MORE)
    log = await setting.log(room)
    entry = log[1]
    carrier = entry.get("message") or entry.get("conversation") or entry
    assert (first.status_code, entry["kind"], entry["seq"]) == (200, write.event, 2)
    assert carrier[write.state] == first.json()[write.state]
    assert (more.json().get("code"), log[2:]) == (write.refusal, [] if write.refusal else [more.json()])
    for listener in listeners:
        await listener.until(lambda client: len(client.received) >= len(log) - 1)
        expected = [(entry["kind"], entry["seq"]) for entry in log[1:]]
        assert [(event, payload["seq"]) for event, payload in listener.received] == expected


async def test_a_conversation_outlives_the_function_that_stored_it(setting):
    async def mine():
        return await setting.system.store.conversations("carol", status=None, after=None, limit=5)

    def create() -> Awaitable[httpx.Response]:
        function = setting.functions["create_conversation"]
        return post(function, "carol", "", {"type": "chat"}, **{"Idempotency-Key": "k1"})

    await setting.conversation()
    with setting.stopped("after the commit", {setting.to_functions["create_conversation"]: 0}):
        await setting.killed_in("create_conversation", create(), mine)
    await setting.restarted(setting.functions["create_conversation"])
    answers = [await create(), await create()]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [one["id"] for one in await mine()] == [answers[0].json()["id"]] == [answers[1].json()["id"]]


@pytest.mark.parametrize("point", POINTS)
async def test_a_message_outlives_the_instance_that_stored_it(setting, point):
    """After the commit the sender has no answer; while publishing it has one."""
    first, second = setting.instances
    room = await setting.conversation()
    sender, listener = await setting.client(first), await setting.client(second, room)
    message = {"conversationId": room, "content": "hello", "clientMessageId": "m1"}
    acknowledged = None
    with setting.stopped(point, {setting.to_instance: 1}):  # a process's first message asks for a key
        if point == "while publishing":
            acknowledged = (await sender.call("message", message))["message"]
        else:
            await sender.sio.emit("message", message)
            await until(lambda: setting.written(room))
        await first.kill()
        await received(listener, "message")
    sender = await setting.client(second, room)
    again = (await sender.call("message", message))["message"]
    assert acknowledged in (None, again)
    starting = asyncio.create_task(setting.restarted(first))
    more = (await sender.call("message", message | MORE))["message"]
    assert (await setting.log(room))[1:] == [again, more]
    await listener.until(lambda client: 3 in client.seqs())
    assert listener.of("message") == [again, more]
    await starting
