"""Socket.IO's own JavaScript client, driven from a test."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from tests.support.received import Received
from tests.support.sockets import Socket, Sockets


class StockClient(Received):
    """One socket in a Node process of its own. Implements `Listener`."""

    socket: Socket

    def __init__(self) -> None:
        super().__init__()
        self.problem: Any = None
        """Why the server refused it."""
        self._ends = AsyncExitStack()

    @classmethod
    async def start(cls, url: str, auth: Mapping[str, Any]) -> "StockClient":
        """A client that is connected, or was refused."""
        client = cls()
        sockets = await client._ends.enter_async_context(Sockets.running())
        client.socket = sockets.open(url, auth, client)
        await client.until(lambda c: c.socket.ready or c.socket.over)
        return client

    async def call(self, event: str, payload: Mapping[str, Any]) -> Any:
        """Emit an event; its acknowledgement, or None if none came."""
        return await self.socket.call(event, payload)

    async def close(self) -> None:
        await self._ends.aclose()

    def connected(self) -> None:
        self.wake()

    def refused(self, problem: Any) -> None:
        self.problem = problem
        self.wake()

    def closed(self) -> None:
        self.wake()

    def on_event(self, event: str, payload: Any) -> None:
        self.remember(event, payload)
