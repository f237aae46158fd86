"""Stock Socket.IO clients, as npm has them: connect, upgrade, acknowledgements, reconnect."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from tests.support.clients import code
from tests.support.processes import ROOT

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


NODE = ("socket.io-client", "socket.io-client-4.0", "socket.io-client-3")
"""The newest, the first 4.x and the last 3.x, which speaks the same protocols."""


@pytest.mark.parametrize("transports", ["polling,websocket", "polling", "websocket"])
@pytest.mark.parametrize("name", NODE)
async def test_a_stock_client_is_served_and_connects_again_once_it_is_closed(world, name, transports):
    room = await world.conversation()
    async with in_node(name, world.urls[0], transports.split(",")) as client:
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
