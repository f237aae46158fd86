"""Which requests may become a socket, or belong to one; the others learn why not.

Engine.IO's numbers of errors: https://socket.io/docs/v4/server-api/#serverengine.
"""

import logging
from typing import NamedTuple, Self

from aiohttp import hdrs, web

from confab.domain.errors import MAX_ORIGIN, ConfabError, InvalidRequest, foreign_origin
from confab.log import KIND
from confab.realtime.answers import refusal
from confab.realtime.socketio.admission import client_address
from confab.realtime.socketio.api import Settings
from confab.realtime.socketio.registry import Registry
from confab.realtime.socketio.socket import Socket

log = logging.getLogger(__name__)

PATH = "/socket.io/"
VERSION = "4"


class Error(NamedTuple):
    """An error of Engine.IO."""

    code: int
    message: str


TRANSPORT_UNKNOWN = Error(0, "Transport unknown: the transports are polling and websocket, without JSONP.")
SESSION_UNKNOWN = Error(
    1,
    "Session ID unknown: it has ended, or another instance has it. Long polling works only where every"
    ' request of a session reaches the same instance: use transports: ["websocket"], or session affinity'
    " and cookies (withCredentials: true).",
)
BAD_METHOD = Error(2, "Bad handshake method: a session is opened by GET, and polled by GET and POST.")
BAD_REQUEST = Error(3, "Bad request: this is no step that the session can take now.")
WRONG_VERSION = Error(5, "Unsupported protocol version: use EIO=4.")


class Refused(Exception):
    """The request is not carried out; `response` says why, `code` in one word."""

    def __init__(self, response: web.Response, code: str) -> None:
        super().__init__(code)
        self.response = response
        self.code = code

    @classmethod
    def by(cls, error: Error) -> Self:
        """With an error of Engine.IO."""
        return cls(web.json_response(error._asdict(), status=400), InvalidRequest.code)

    @classmethod
    def with_problem(cls, error: ConfabError) -> Self:
        """With an error of Confab."""
        return cls(refusal(error), error.code)


class Gate:
    """Refuses foreign origins, what is no request of Engine.IO, unknown sessions, and crowds."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._origins = frozenset(settings.allowed_origins)
        self._proxies = settings.trusted_proxies
        self._registry = registry

    def require_known_origin(self, request: web.Request) -> None:
        """Raises Refused for a page that is not ours."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin not in self._origins:
            origin = origin.encode(errors="backslashreplace").decode()  # bytes that are no UTF-8
            error = foreign_origin(origin)
            log.warning(
                "a page's origin is not among CONFAB_ALLOWED_ORIGINS",
                extra={"origin": origin[:MAX_ORIGIN], "code": error.code, KIND: error.code},
            )
            raise Refused.with_problem(error)

    def requires_websocket(self, request: web.Request) -> bool:
        """Whether the request is a WebSocket's. Raises Refused if it is none of Engine.IO."""
        query, transport = request.query, request.query.get("transport")
        if query.get("EIO") != VERSION:
            raise Refused.by(WRONG_VERSION)
        if transport not in ("polling", "websocket") or "j" in query:
            raise Refused.by(TRANSPORT_UNKNOWN)
        methods = (hdrs.METH_GET, hdrs.METH_POST) if query.get("sid") else (hdrs.METH_GET,)
        if request.method not in methods:
            raise Refused.by(BAD_METHOD)
        websocket = transport == "websocket"
        if websocket and not _shakes_hands(request):
            raise Refused.by(BAD_REQUEST)
        return websocket

    def session(self, request: web.Request) -> Socket:
        """The session that the request names. Raises Refused unless it can be polled or upgraded."""
        socket = self._registry.sessions.get(request.query["sid"])
        if socket is None:
            log.warning("a polling session is unknown here: it has ended, or is another instance's")
            raise Refused.by(SESSION_UNKNOWN)
        socket.end_if_left()
        session, posts = socket.session, request.method == hdrs.METH_POST
        polls = request.query["transport"] == "polling"
        if polls and (session.over_websocket or (posts and not session.open)):
            raise Refused.by(BAD_REQUEST)
        return socket

    def admit(self, request: web.Request) -> str:
        """The address that a new session counts for. Raises Refused if it has too many."""
        forwarded = request.headers.getall("X-Forwarded-For", ())
        address = client_address(request.remote or "", forwarded, self._proxies)
        try:
            self._registry.waiting.require_room(address)
        except ConfabError as error:
            log.warning(
                "an address has too many connections that are not admitted",
                extra={"code": error.code, KIND: error.code},
            )
            raise Refused.with_problem(error) from None
        return address


def _shakes_hands(request: web.Request) -> bool:
    """Whether a request opens a WebSocket."""
    try:
        return web.WebSocketResponse().can_prepare(request).ok
    except ValueError:  # a header that is not ASCII
        return False


def preflight(request: web.Request) -> web.Response:
    """What a browser asks before a request that a page's libraries have added headers to."""
    headers = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, OPTIONS",
        hdrs.ACCESS_CONTROL_MAX_AGE: "600",
    }
    if (wanted := request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)) is not None:
        headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
    return web.Response(headers=headers)


def allow(request: web.Request, response: web.StreamResponse) -> None:
    """Let pages of the request's origin read the response, unless it says that this origin may not."""
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers[hdrs.VARY] = hdrs.ORIGIN
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and response.status != web.HTTPForbidden.status_code:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
