"""The wire: WebSocket at `/rpc` with subprotocol `cbor`, and `GET /health`.

Reads a connection's next request after it has answered the last: backpressure reaches the client's socket,
and the number of connections bounds the memory.

Rejects web pages, because any page in a developer's browser can connect to loopback, and the default
password is public. A browser sends an Origin header in every WebSocket handshake, even after DNS rebinding;
the intended clients send none.
"""

from http import HTTPStatus

from surrealdb.cbor import CBORError
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from infra.local.surrealdb_server.engine import Engine
from infra.local.surrealdb_server.session import Session, Tokens

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 256
MAX_UNREAD_FRAMES = 4
CLOSE_TIMEOUT_S = 2.0

UNSUPPORTED_DATA = 1003
INTERNAL_ERROR = 1011


async def listen(engine: Engine, *, host: str, port: int) -> Server:
    """Start the server; close it before the engine. Raises OSError for a taken port."""
    tokens = Tokens()

    async def handle(connection: ServerConnection) -> None:
        async with engine.session() as session:
            try:
                code, reason = await _serve(connection, Session(engine, tokens, session))
                await connection.close(code, reason)
            except ConnectionClosed:
                return  # the client is gone

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
        return connection.respond(HTTPStatus.FORBIDDEN, "Web pages may not connect.\n")
    path = request.path.partition("?")[0]
    if path == "/health":
        return connection.respond(HTTPStatus.OK, "")
    if path != "/rpc":
        return connection.respond(HTTPStatus.NOT_FOUND, "There is /rpc and /health.\n")
    if len(connection.server.connections) >= MAX_CONNECTIONS:
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.\n")
    return None


async def _serve(connection: ServerConnection, session: Session) -> tuple[int, str]:
    """Answer requests until one fails; the close code and reason."""
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
