"""The wire: WebSocket at `/rpc` with subprotocol `cbor`, and `GET /health`.

The requests of a connection are answered one by one, and the next is read only then: backpressure
reaches the client's socket, and memory is bounded by the number of connections.

Web pages are refused. Any page that a developer has open may connect to loopback, and the usual password
is known. A browser names the page's origin in every WebSocket handshake, also after DNS rebinding; the
intended clients name none.
"""

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

    async def handle(connection: ServerConnection) -> None:
        session = Session(engine, credentials, lifetime_s=session_s)
        try:
            code, reason = await _serve(connection, session)
            await connection.close(code, reason)
        except ConnectionClosed:
            return  # nothing of it is left here

    return await serve(
        handle,
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


async def _serve(connection: ServerConnection, session: Session) -> tuple[int, str]:
    """Answer requests until one cannot be; the code and the reason with which to close."""
    if connection.subprotocol != "cbor":
        return UNSUPPORTED_DATA, "the subprotocol must be cbor"
    while isinstance(frame := await connection.recv(), bytes):
        try:
            answer = await session.answer(frame)
        except (ValueError, CBORError):
            return UNSUPPORTED_DATA, "not a CBOR request"
        except RuntimeError:
            return INTERNAL_ERROR, "the engine failed"
        await connection.send(answer)
    return UNSUPPORTED_DATA, "frames must be binary"
