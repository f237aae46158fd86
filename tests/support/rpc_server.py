"""A WebSocket server that answers as a test says, in the place of the store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from confab.store import codec
from confab.store.rpc import Socket

Handler = Callable[[ServerConnection], Awaitable[None]]
SOON_S = 5.0
"""Within which whatever is said to a server, or by one, has come."""


@asynccontextmanager
async def server(handler: Handler, **options: Any) -> AsyncIterator[str]:
    """A WebSocket server that does as the handler does; its address."""
    async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("cbor")], **options) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"{'wss' if 'ssl' in options else 'ws'}://127.0.0.1:{port}"


@asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[Socket]:
    """A socket with such a server."""
    async with asyncio.timeout(SOON_S), server(handler) as url:
        socket = await Socket.open(url)
        try:
            yield socket
        finally:
            socket.abort()


def answer(call: bytes | str, **fields: Any) -> bytes:
    """What a server says to a call."""
    assert isinstance(call, bytes)
    return codec.encode({"id": codec.decode(call)["id"], **fields})


async def echo(connection: ServerConnection) -> None:
    """Answer each call with its parameters."""
    async for call in connection:
        assert isinstance(call, bytes)
        await connection.send(answer(call, result=codec.decode(call)["params"]))
