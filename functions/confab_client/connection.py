"""One Socket.IO connection to one realtime address, shared by the rooms that are followed there."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import socketio

from confab_client.errors import ConfabError
from confab_client.tokens import AGAIN_S, Tokens

log = logging.getLogger(__name__)
CONNECT_S = 10.0
CLOSE_S = 2.0
STEADY_S = 5.0
"""What worked for so long was a success: failures are counted anew."""
TELL_FROM = 3
Json = Mapping[str, Any]
Receive = Callable[[str, Json], None]


class Connection:
    """Connects when it is needed, and again after each loss; renews the token over the socket.

    `rooms` get the events of their conversations, and `disconnect`. Each try is a new socket, so nothing of
    a lost one is mistaken for the present one's.
    """

    def __init__(self, url: str, tokens: Tokens, tell: Callable[[ConfabError], None]) -> None:
        self.url = url
        self.rooms: dict[str, Receive] = {}
        self._tokens, self._tell = tokens, tell
        self._sio: socketio.AsyncClient | None = None
        self._http: aiohttp.ClientSession | None = None
        self._one = asyncio.Lock()
        self._token = ""
        self._expired = self._planned = self.closed = False
        self._failures, self._not_before, self._works_since = 0, 0.0, math.inf
        self._tokens_refused = 0  # since a join succeeded
        self._answers: set[asyncio.Future[Any]] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def join(self, room: str, after: int | None, silent_s: float) -> None:
        """Join a room, which `receive`s the page, and connect before if need be. Raises ConfabError."""
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        async with self._one:
            if self.closed:
                raise ConfabError("closed", "the client was closed")
            if self._sio is None:
                await self._connect()
        payload = {"conversationId": room} | ({} if after is None else {"after": after})
        await self.ask("join", payload, self.rooms[room], silent_s)
        self._works_since, self._tokens_refused = min(self._works_since, time.monotonic()), 0

    async def failed(self, error: ConfabError, attempts: float) -> None:
        """Note that a join failed; raises the error if another one is in vain or was the last."""
        self._count(error)
        self._tokens_refused += error.about_token
        if error.about_token or error.code == "timeout":  # on another socket no late page can come
            self._expired = error.about_token
            await self.close()
        passing = error.retryable or (error.about_token and self._tokens_refused < TELL_FROM)
        if not passing or self._failures >= attempts:
            raise error

    async def ask(
        self, event: str, payload: Json, take: Receive | None = None, within: float = CONNECT_S
    ) -> Any:
        """The acknowledgement, which `take` gets before any later event is received. Raises ConfabError."""
        sio, answer = self._sio, asyncio.get_running_loop().create_future()

        def acknowledged(ack: Any = None) -> None:
            if answer.done():
                return
            if not isinstance(ack, Mapping):
                answer.set_exception(ConfabError("bad_response", f"{event} is acknowledged with nothing"))
            elif not ack.get("ok"):
                answer.set_exception(ConfabError.of(ack.get("error") or {}))
            else:
                answer.set_result(ack)
                if take is not None:
                    take(event, ack)

        self._answers.add(answer)
        try:
            if sio is None:
                raise ConfabError("network", f"{self.url} is not connected")
            async with asyncio.timeout(within):
                await sio.emit(event, payload, callback=acknowledged)
                return await answer
        except TimeoutError:
            raise ConfabError("timeout", f"{self.url} does not acknowledge {event} in time") from None
        except socketio.exceptions.SocketIOError as error:
            raise ConfabError("network", f"{self.url} is not connected: {error}") from error
        finally:
            self._answers.discard(answer)

    async def leave(self, room: str) -> None:
        """Leave a room; with the last one, disconnect."""
        del self.rooms[room]
        if not self.rooms:
            await self.close()
        elif self._sio is not None:
            with suppress(ConfabError):  # whoever is not connected, or was removed, has left
                await self.ask("leave", {"conversationId": room})

    async def close(self) -> None:
        """Disconnect; the rooms are told. It connects again when it is needed."""
        sio, self._sio, self._planned = self._sio, None, True
        if sio is not None:
            self._lost()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await sio.disconnect()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _connect(self) -> None:
        if self._expired:
            await self._tokens.replace(self._token)
        self._token, self._expired, self._planned = await self._tokens.current(), False, False
        self._http = self._http or aiohttp.ClientSession()
        sio = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=self._http)
        refusals: list[Any] = []
        sio.on("connect_error", refusals.append)
        sio.on("disconnect", lambda *_: self._lost(sio))
        sio.on("*", lambda event, payload=None, *_: self._received(sio, event, payload))
        app = await self._tokens.app_check()
        auth = {"token": self._token} | ({"appCheckToken": app} if app else {})
        try:
            await sio.connect(self.url, auth=auth, transports=["websocket"], wait_timeout=CONNECT_S)
        except (OSError, aiohttp.ClientError, socketio.exceptions.SocketIOError) as error:
            refusal = refusals[-1].get("data") if refusals and isinstance(refusals[-1], Mapping) else None
            if isinstance(refusal, Mapping):
                raise ConfabError.of(refusal) from None
            raise ConfabError("network", f"{self.url} does not respond: {error}") from error
        self._sio = sio
        self._renewing = asyncio.create_task(self._renew())

    def _received(self, sio: socketio.AsyncClient, event: str, payload: Any) -> None:
        if sio is not self._sio:
            return
        if event == "going_away":
            self._not_before = time.monotonic() + payload["reconnectAfterMs"] / 1000
            self._planned = True
        elif event == "auth_expired":
            self._expired = True
        elif isinstance(payload, Mapping) and payload.get("conversationId") in self.rooms:
            self.rooms[payload["conversationId"]](event, payload)

    def _lost(self, sio: socketio.AsyncClient | None = None) -> None:
        """The present socket is gone, or this one, if it is the present one."""
        if sio is not self._sio:
            return
        self._sio, lost = None, ConfabError("network", f"{self.url} closed the connection")
        if self._renewing is not None:
            self._renewing.cancel()
        if not self._planned:
            self._count(lost)
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(lost)
        for receive in [*self.rooms.values()]:
            receive("disconnect", {})

    def _count(self, error: ConfabError) -> None:
        """Count a failure: the next try waits for it, and from the third in a row on it is told."""
        worked = time.monotonic() - self._works_since >= STEADY_S
        self._failures, self._works_since = 1 if worked else self._failures + 1, math.inf
        self._not_before = time.monotonic() + error.pause_s(self._failures)
        if self._failures >= TELL_FROM:
            self._tell(error)

    async def _renew(self) -> None:
        """Renew the token while connected; should no renewal succeed, `auth_expired` ends the socket."""
        while True:
            await asyncio.sleep(self._tokens.renew_in)
            try:
                token = await self._tokens.current()
                await self.ask("auth", {"token": token})
                self._token = token
            except ConfabError as error:
                log.warning("the token of a socket was not renewed: %s", error.code)
                await asyncio.sleep(AGAIN_S)
