"""Stock Socket.IO clients, as npm and PyPI have them: connect, upgrade, acknowledgements, reconnect."""

import asyncio
import gc
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

import pytest
import socketio

from tests.support.clients import code
from tests.support.processes import ROOT
from tests.support.waiting import until

DEADLINE_S = 10


class Stock(NamedTuple):
    """A client that connects again by itself."""

    connected: Callable[[], Awaitable[tuple[str, str]]]
    """The id of the next connection, and its transport once no upgrade is to come."""
    call: Callable[[str, object], Awaitable[Any]]
    """Emit an event; the acknowledgement."""


@asynccontextmanager
async def in_node(package: str, url: str, transports: list[str]) -> AsyncIterator[Stock]:
    script = ROOT / "tests/support/stock_client.mjs"
    command = ("node", str(script), package, url, ",".join(transports))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def said(word: str) -> dict[str, Any]:
        line = json.loads(await asyncio.wait_for(stdout.readline(), DEADLINE_S))
        assert word in line
        return dict(line)

    async def connected() -> tuple[str, str]:
        line = await said("connected")
        return line["connected"], line["transport"]

    async def call(event: str, payload: object) -> Any:
        binary = isinstance(payload, bytes)
        line = {"event": event, "payload": None if binary else payload, "binary": binary}
        stdin.write(json.dumps(line).encode() + b"\n")
        return (await said("ack"))["ack"]

    try:
        yield Stock(connected, call)
    finally:
        stdin.close()
        await process.wait()


@asynccontextmanager
async def in_python(kind: str, url: str, transports: list[str]) -> AsyncIterator[Stock]:
    threaded = kind == "Client"
    # websocket-client says that it is a page of the server's address, unless it is asked not to
    options = {"websocket_extra_options": {"suppress_origin": True}} if threaded else {}
    client = getattr(socketio, kind)(
        reconnection_delay=0.1, randomization_factor=0, handle_sigint=False, **options
    )
    known: list[str] = []

    async def run(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if threaded:
            return await asyncio.to_thread(function, *args, **named)
        return await function(*args, **named)

    async def connected() -> tuple[str, str]:
        await until(lambda: client.connected and client.get_sid() not in [None, *known], within=DEADLINE_S)
        known.append(client.get_sid())
        await until(lambda: client.transport() == transports[-1], within=DEADLINE_S)
        return known[-1], client.transport()

    async def call(event: str, payload: object) -> Any:
        return await run(client.call, event, payload, timeout=DEADLINE_S)

    await run(client.connect, url, auth={"token": "alice"}, transports=transports)
    try:
        yield Stock(connected, call)
    finally:
        await run(client.shutdown)


NODE = ("socket.io-client", "socket.io-client-4.0", "socket.io-client-3")
"""The newest, the first 4.x and the last 3.x, which speaks the same protocols."""
PYTHON = ("AsyncClient", "Client")


def running(name: str, url: str, transports: list[str]) -> AbstractAsyncContextManager[Stock]:
    return (in_node if name in NODE else in_python)(name, url, transports)


@pytest.fixture
def litter() -> Iterator[None]:
    """Collects the connections that python-engineio leaves open once a server closed them."""
    yield
    gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed <(socket|ssl)")
@pytest.mark.usefixtures("litter")
@pytest.mark.parametrize("transports", ["polling,websocket", "polling", "websocket"])
@pytest.mark.parametrize("name", [*NODE, *PYTHON])
async def test_a_stock_client_is_served_and_connects_again_once_it_is_closed(world, name, transports):
    room = await world.conversation()
    async with running(name, world.urls[0], transports.split(",")) as client:
        ids = set()
        for number in (1, 2):
            sid, transport = await client.connected()
            ids.add(sid)
            assert transport == transports.rpartition(",")[2]
            assert (await client.call("join", {"conversationId": room}))["conversation"]["seq"] == number - 1
            assert code(await client.call("message", b"\x01\x02\x03")) == "invalid_request"
            assert (await client.call("message", {"conversationId": room, "content": "x"}))["ok"]
            if number == 1:
                world.expire_in(0.2)
                assert (await client.call("auth", {"token": "alice"}))["ok"]
                world.expire_in(3_600)
        assert len(ids) == 2
