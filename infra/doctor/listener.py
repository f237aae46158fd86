"""A socket in a room that notes what it hears, and when."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import socketio

from infra.doctor.sockets import CONNECT_S, words


class Refused(Exception):
    """The instance did not let the socket in or did not let it join."""


class Listener:
    """One socket on one instance."""

    def __init__(self, url: str, client: socketio.AsyncClient) -> None:
        self.url = url
        self.joined = False
        self._client = client
        self._refusal: object = None
        self._news = asyncio.Event()
        self._heard: dict[int, float] = {}
        self._client.on("connect_error", self._refused)
        self._client.on("message", self._came)

    async def join(self, token: str, origin: str, conversation_id: str) -> None:
        """Connect and join the conversation from its start; raises Refused."""
        try:
            await self._client.connect(
                self.url,
                auth={"token": token},
                transports=["websocket"],
                headers={"Origin": origin},
                wait_timeout=CONNECT_S,
            )
            asked = {"conversationId": conversation_id, "after": 0}
            ack = await self._client.call("join", asked, timeout=CONNECT_S)
        except socketio.exceptions.SocketIOError as error:
            raise Refused(words(self._refusal or error)) from None
        if not ack["ok"]:
            raise Refused(f"{ack['error']['code']}: {ack['error']['detail']}")
        self.joined = True

    async def heard(self, seq: int) -> float:
        """The instant, on the clock `time.monotonic`, at which this message came; waits for it."""
        while seq not in self._heard:
            self._news.clear()
            await self._news.wait()
        return self._heard[seq]

    def _refused(self, problem: object) -> None:
        self._refusal = problem

    def _came(self, message: Mapping[str, Any]) -> None:
        self._heard.setdefault(message["seq"], time.monotonic())
        self._news.set()
