"""SurrealDB's RPC over a WebSocket: many calls under way on one, each answered under its own id.

The protocol is https://surrealdb.com/docs/surrealdb/integration/rpc, in CBOR. The WebSocket is
the Sans-I/O one of `websockets`, so that nothing but a method stands between the event loop and a
call: the tasks, queues and locks of a client for everything cost more than a short query's work.
A socket that is lost stays lost, and says so before anything is sent on it.
"""

import asyncio
import itertools
import logging
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, cast

import cbor2
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from confab.store import codec

BEAT_S = 20.0
"""How often the server is asked for a sign of life; one from which none came until the next time is gone."""
_DATA = (Opcode.BINARY, Opcode.CONT, Opcode.TEXT)

_log = logging.getLogger(__name__)


class RpcError(Exception):
    """A call has no result. What it says may quote what was sent; `name` does not."""

    @property
    def name(self) -> str:
        """What kind of error it is."""
        return type(self).__name__


class ServerError(RpcError):
    """The server has answered with an error."""

    def __init__(self, message: str, kind: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        """The server's word for it: `NotAllowed`, `NotFound`, `Query`, …"""
        self.detail = detail
        """A closer word, where it has one: `TransactionConflict`, `TimedOut`, …"""

    @classmethod
    def of(cls, raw: object, words: str = "message") -> "ServerError":
        """The error in an answer, which has its text under the name `words`, or is nothing but text."""
        if not isinstance(raw, Mapping):
            return cls(str(raw))
        details = raw.get("details")
        detail = details.get("kind") if isinstance(details, Mapping) else None
        return cls(str(raw.get(words)), str(raw.get("kind") or ""), str(detail or ""))

    @property
    def name(self) -> str:
        """Its class and the server's word for it."""
        return f"{super().name} {self.kind}".rstrip()


class SocketLost(RpcError):
    """The socket ended, or was never had; whether the server has heard the call is not known."""


class NotSent(SocketLost):
    """The socket was gone before the call was sent: nothing has happened."""


def name_of(error: BaseException) -> str:
    """What kind of error it is; never its words, which may quote content."""
    return error.name if isinstance(error, RpcError) else type(error).__name__


class Socket(asyncio.Protocol):
    """A socket with calls under way. Belongs to one event loop."""

    def __init__(self, uri: WebSocketURI) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._protocol = ClientProtocol(uri, subprotocols=[Subprotocol("cbor")], max_size=None)
        self._transport: asyncio.Transport
        self._numbers = itertools.count(1)
        self._calls: dict[str, asyncio.Future[Any]] = {}
        self._parts: list[bytes] = []
        self._heard = True
        self._beating: asyncio.TimerHandle | None = None
        self._opened: asyncio.Future[None] = loop.create_future()
        self._opened.add_done_callback(_look_at)
        self._closed: asyncio.Future[None] = loop.create_future()

    @classmethod
    async def open(cls, url: str) -> "Socket":
        """A socket at a ws:// or wss:// address. Raises OSError and SocketLost."""
        try:
            uri = parse_uri(f"{url.rstrip('/').removesuffix('/rpc')}/rpc")
        except (InvalidURI, ValueError) as error:
            raise SocketLost("this is no address of a WebSocket") from error
        tls = ssl.create_default_context() if uri.secure else None
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: cls(uri), uri.host, uri.port, ssl=tls)
        try:
            await socket.opened()
        except BaseException:
            socket.abort()
            raise
        return socket

    async def opened(self) -> None:
        """Return once calls can be sent. Raises SocketLost if that does not come to be."""
        await self._opened

    @property
    def alive(self) -> bool:
        """Whether calls can still be sent and answered."""
        return self._protocol.state is State.OPEN and not self._transport.is_closing()

    async def call(self, method: str, params: Sequence[Any]) -> Any:
        """The result. Waits as long as the caller does, or until the socket is lost: raises RpcError."""
        if not self.alive:
            raise NotSent("the socket is gone")
        call_id = str(next(self._numbers))
        self._protocol.send_binary(codec.encode({"id": call_id, "method": method, "params": params}))
        self._write()
        self._calls[call_id] = answer = self._loop.create_future()
        try:
            return await answer
        finally:
            del self._calls[call_id]

    def abort(self) -> None:
        """Drop it at once, without the closing handshake that a dead server never ends."""
        self._transport.abort()

    async def close(self) -> None:
        """Close it in good order, which takes as long as the server takes."""
        if self.alive:
            self._protocol.send_close()
            self._write()
        await asyncio.wait([self._closed])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's can the same, and are no such class
        self._protocol.send_request(self._protocol.connect())
        self._write()

    def data_received(self, data: bytes) -> None:
        """Hand out the answers that are complete."""
        self._heard = True
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif self._protocol.handshake_exc is None:
                self._begin()
        self._write()
        if self._protocol.close_rcvd or self._protocol.parser_exc or self._protocol.handshake_exc:
            self._transport.close()

    def eof_received(self) -> None:
        """Take no more calls; the transport closes by itself."""
        self._protocol.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everyone who waits."""
        if self._beating is not None:
            self._beating.cancel()
        reason = self._protocol.handshake_exc or exc
        for waiting in (self._opened, *self._calls.values()):
            if not waiting.done():
                lost = SocketLost("the socket is lost")
                lost.__cause__ = reason
                waiting.set_exception(lost)
        self._closed.set_result(None)

    def _begin(self) -> None:
        if not self._opened.done():  # else its caller gave up
            self._opened.set_result(None)
        self._beating = self._loop.call_later(BEAT_S, self._beat)

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in _DATA:
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            message, self._parts = b"".join(self._parts), []
            self._answer(message)

    def _answer(self, message: bytes) -> None:
        """Give an answer to its call. Without its id no call would ever end: then they all do."""
        try:
            answer = codec.decode(message)
            call = self._calls.get(answer["id"])
        except (cbor2.CBORDecodeError, LookupError, TypeError) as error:
            _log.error("the store answered what nobody can read", extra={"cause": type(error).__name__})
            self.abort()
            return
        if call is None or call.done():  # its caller gave up
            return
        refusal = answer.get("error")
        if refusal is None:
            call.set_result(answer.get("result"))
        else:
            call.set_exception(ServerError.of(refusal))

    def _beat(self) -> None:
        if not self.alive:
            return
        if not self._heard:
            self.abort()
            return
        self._heard = False
        self._protocol.send_ping(b"")
        self._write()
        self._beating = self._loop.call_later(BEAT_S, self._beat)

    def _write(self) -> None:
        for data in self._protocol.data_to_send():
            if data:  # an empty one is the end, which the transport sends as it closes
                self._transport.write(data)


def _look_at(opened: "asyncio.Future[None]") -> None:
    """Take note of an error: whoever opens may have given up before it would await it."""
    if not opened.cancelled():
        opened.exception()
