"""A Socket.IO client that remembers what it was sent."""

import asyncio
import json
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

import socketio
from websockets.asyncio.client import ClientConnection, connect

ENTRIES = ("message", "message_changed", "conversation_changed", "finalized")
EVENTS = (*ENTRIES, "typing", "resync", "left", "erased", "going_away", "auth_expired", "joined")
DEADLINE_S = 8


class Received:
    """The events of a client, in the order they came, and waits for more."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self._news = asyncio.Event()

    def of(self, event: str) -> list[Any]:
        """The payloads of an event."""
        return [payload for name, payload in self.received if name == event]

    def seqs(self) -> list[int]:
        """The numbers of the entries."""
        return [payload["seq"] for name, payload in self.received if name in ENTRIES]

    def remember(self, event: str, payload: Any = None) -> None:
        self.received.append((event, payload))
        self._news.set()

    async def until(self, condition: Callable[[Self], bool], *, within: float = 15) -> None:
        """Wait until a condition holds; fails after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while not condition(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within} s; received {self.received[-20:]}") from None


class Client(Received):
    """One socket of one user."""

    def __init__(self) -> None:
        super().__init__()
        self.sio = socketio.AsyncClient(reconnection=False, logger=False, engineio_logger=False)
        self.refusal: Any = None
        self.closed = asyncio.Event()
        for event in EVENTS:
            self.sio.on(event, partial(self.remember, event))
        self.sio.on("connect_error", self._refused)
        self.sio.on("disconnect", lambda *_: self.closed.set())

    async def connect(
        self,
        url: str,
        auth: object,
        *,
        transports: tuple[str, ...] = ("websocket",),
        origin: str | None = None,
    ) -> "Client":
        await self.sio.connect(
            url,
            auth=auth,
            transports=list(transports),
            headers={"Origin": origin} if origin else {},
            wait_timeout=DEADLINE_S,
        )
        return self

    async def call(self, event: str, payload: object) -> dict[str, Any]:
        answer: dict[str, Any] = await self.sio.call(event, payload, timeout=DEADLINE_S)
        return answer

    async def join(self, conversation_id: str, after: int | None = None) -> dict[str, Any]:
        payload = {"conversationId": conversation_id} | ({} if after is None else {"after": after})
        return await self.call("join", payload)

    async def close(self) -> None:
        await self.sio.disconnect()

    def _refused(self, data: Any) -> None:
        self.refusal = data


class DeafSocket:
    """A WebSocket with a small receive buffer, which it empties only when the test reads."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self.received: dict[str, list[Any]] = defaultdict(list)

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator["DeafSocket"]:
        address = urlsplit(url)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        sock.connect((address.hostname, address.port))
        target = f"ws://{address.netloc}/socket.io/?EIO=4&transport=websocket"
        async with connect(
            target, sock=sock, max_queue=1, max_size=None, compression=None, close_timeout=0.2
        ) as wire:
            yield cls(wire)

    async def say(self, text: str) -> None:
        await self._wire.send(text)

    def abort(self) -> None:
        """Lose the connection."""
        self._wire.transport.abort()

    async def read_acks(self, count: int) -> None:
        """Read until that many acknowledgements have come."""
        async with asyncio.timeout(DEADLINE_S):
            while count:
                count -= str(await self._wire.recv()).startswith("43")

    async def read_until(self, event: str) -> dict[str, list[Any]]:
        """Everything received so far by event, once one of these has come."""
        async with asyncio.timeout(DEADLINE_S):
            while event not in self.received:
                text = str(await self._wire.recv())
                if text.startswith("42"):
                    name, payload = json.loads(text[2:])
                    self.received[name].append(payload)
        return self.received


def code(ack: Mapping[str, Any]) -> str:
    """The code of a refusal."""
    assert ack["ok"] is False
    refusal: str = ack["error"]["code"]
    return refusal
