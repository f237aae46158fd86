"""A socket in a room that records when it receives each entry."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import socketio

from infra.probes.clients import CONNECT_S, Refused, connect


class Listener:
    """One socket on one instance."""

    def __init__(self, url: str, client: socketio.AsyncClient) -> None:
        self.url = url
        self._client = client
        self._arrival = asyncio.Event()
        self._received: dict[int, float] = {}
        self._client.on("message", self._receive)

    async def join(self, token: str, origin: str, conversation_id: str) -> None:
        """Connect and join the conversation from its start; raises Refused."""
        await connect(self._client, self.url, origin, token)
        command = {"conversationId": conversation_id, "after": 0}
        try:
            ack = await self._client.call("join", command, timeout=CONNECT_S)
        except socketio.exceptions.SocketIOError as error:
            raise Refused(error) from None
        if not ack["ok"]:
            raise Refused(f"{ack['error']['code']}: {ack['error']['detail']}")

    async def received(self, seq: int) -> float:
        """Wait for this message; its arrival on the clock `time.monotonic`."""
        while seq not in self._received:
            self._arrival.clear()
            await self._arrival.wait()
        return self._received[seq]

    def _receive(self, message: Mapping[str, Any]) -> None:
        self._received.setdefault(message["seq"], time.monotonic())
        self._arrival.set()
