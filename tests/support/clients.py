"""A Socket.IO client that remembers what it was told."""

import asyncio
from collections.abc import Callable
from typing import Any

import socketio

EVENTS = ("message", "finalized", "typing", "resync", "going_away", "auth_expired", "joined")
DEADLINE_S = 8


class Client:
    """One socket of one user."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncClient(reconnection=False, logger=False, engineio_logger=False)
        self.received: list[tuple[str, Any]] = []
        self.refusal: Any = None
        self.closed = asyncio.Event()
        self._news = asyncio.Event()
        for event in EVENTS:
            self.sio.on(event, self._remember(event))
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

    def of(self, event: str) -> list[Any]:
        """The payloads of an event, in the order they came."""
        return [payload for name, payload in self.received if name == event]

    def seqs(self) -> list[int]:
        """The numbers of the entries, in the order they came."""
        return [payload["seq"] for name, payload in self.received if name in ("message", "finalized")]

    async def until(self, condition: Callable[["Client"], bool], *, within: float = DEADLINE_S) -> None:
        """Wait until what was received fulfils a condition; fails after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while not condition(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within} s; received {self.received}") from None

    async def close(self) -> None:
        await self.sio.disconnect()

    def _remember(self, event: str) -> Callable[..., None]:
        def remember(payload: Any = None) -> None:
            self.received.append((event, payload))
            self._news.set()

        return remember

    def _refused(self, data: Any) -> None:
        self.refusal = data
