"""The wire: WebSocket at `/rpc` with subprotocol `cbor`, and `GET /health`.

Requests of one connection are answered one after the other and the next one is read only then,
so what waits here is bounded by the number of connections; the rest waits in their sockets.

Web pages are refused: any page that a developer has open may connect to loopback, and the usual password
is known. A browser says the page's origin in every WebSocket handshake, also where a foreign name was
made to lead to this machine; the clients that are meant say none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from surrealdb.cbor import CBORError
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from infra.local.surrealdb_server.engine import Engine
from infra.local.surrealdb_server.session import Credentials, Session

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 256
MAX_UNREAD_FRAMES = 4
CLOSE_TIMEOUT_S = 2.0

UNSUPPORTED_DATA = 1003
INTERNAL_ERROR = 1011


async def listen(
    engine: Engine, credentials: Credentials, *, host: str, port: int, session_s: float
) -> Server:
    """A server that accepts connections; close it before the engine. Raises OSError for a taken port."""
    return await serve(
        _handler(engine, credentials, session_s),
        host,
        port,
        process_request=_route,
        subprotocols=[Subprotocol("cbor")],
        compression=None,
        max_size=MAX_MESSAGE_BYTES,
        max_queue=MAX_UNREAD_FRAMES,
        close_timeout=CLOSE_TIMEOUT_S,
    )


def _route(connection: ServerConnection, request: Request) -> Response | None:
    if "Origin" in request.headers:
        return connection.respond(HTTPStatus.FORBIDDEN, "This is not for web pages.\n")
    path = request.path.partition("?")[0]
    if path == "/health":
        return connection.respond(HTTPStatus.OK, "")
    if path != "/rpc":
        return connection.respond(HTTPStatus.NOT_FOUND, "There is /rpc and /health.\n")
    if len(connection.server.connections) >= MAX_CONNECTIONS:
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.\n")
    return None


def _handler(
    engine: Engine, credentials: Credentials, session_s: float
) -> Callable[[ServerConnection], Awaitable[None]]:
    async def handle(connection: ServerConnection) -> None:
        if connection.subprotocol != "cbor":
            await connection.close(UNSUPPORTED_DATA, "the subprotocol must be cbor")
            return
        session = Session(engine, credentials, lifetime_s=session_s)
        try:
            await _converse(connection, session)
        except ConnectionClosed:
            return  # it went away, with or without a goodbye: nothing of it is left here

    return handle


async def _converse(connection: ServerConnection, session: Session) -> None:
    async for frame in connection:
        if isinstance(frame, str):
            await connection.close(UNSUPPORTED_DATA, "frames must be binary")
            return
        try:
            answer = await session.answer(frame)
        except (ValueError, CBORError):
            await connection.close(UNSUPPORTED_DATA, "not a CBOR request")
            return
        except RuntimeError:
            await connection.close(INTERNAL_ERROR, "the engine failed")
            return
        await connection.send(answer)


async def stop(server: Server) -> None:
    """Close the port and every connection, after the requests that are being answered."""
    server.close()
    await asyncio.wait_for(server.wait_closed(), 2 * CLOSE_TIMEOUT_S)
