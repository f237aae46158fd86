"""Sockets that cost little, for tests that need many: Socket.IO's packets over a bare WebSocket."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.clients import Received

OPEN_S = 30.0


class WireSocket(Received):
    """One socket. It keeps each event, in order, until the connection is over."""

    def __init__(self, wire: ClientConnection) -> None:
        super().__init__()
        self._wire = wire
        self._asked = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._admitted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.reading = asyncio.create_task(self._read())
        """Ends with the connection."""

    @classmethod
    async def connected(cls, url: str, auth: Mapping[str, Any]) -> Self:
        """A connected socket; fails if it is refused."""
        target = f"ws://{urlsplit(url).netloc}/socket.io/?EIO=4&transport=websocket"
        wire = await connect(
            target, compression=None, max_size=None, ping_interval=None, open_timeout=OPEN_S, proxy=None
        )
        socket = cls(wire)
        await wire.send("40" + json.dumps(auth))
        said = await socket._admitted
        assert said.startswith("40"), said
        return socket

    async def call(self, event: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Emit an event; its acknowledgement. Raises ConnectionClosed if none comes any more."""
        self._asked += 1
        answer = self._answers[self._asked] = asyncio.get_running_loop().create_future()
        await self._wire.send(f"42{self._asked}" + json.dumps([event, payload]))
        ack: dict[str, Any] = await answer
        return ack

    async def close(self) -> None:
        await self._wire.close()
        await self.reading

    async def _read(self) -> None:
        try:
            while True:
                await self._take(str(await self._wire.recv()))
        except ConnectionClosed as closed:
            waiting: list[asyncio.Future[Any]] = [self._admitted, *self._answers.values()]
            for answer in waiting:
                if not answer.done():
                    answer.set_exception(closed)
                    answer.exception()  # nobody need be waiting for it

    async def _take(self, text: str) -> None:
        if text == "2":
            await self._wire.send("3")
        elif text.startswith("42"):
            self.remember(*json.loads(text[2:]))
        elif text.startswith("43"):
            start = text.index("[")
            answer = self._answers.pop(int(text[2:start]))
            if not answer.done():  # else nobody waits for it any more
                answer.set_result(json.loads(text[start:])[0])
        elif text.startswith("4"):
            self._admitted.set_result(text)
