"""What a container answers before Engine.IO does: requests that could never become a socket, and why.

The library's answers to these say too little for a client to show, and it logs each of them once at most.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from aiohttp import hdrs, web
from pydantic_core import to_json

from confab.domain.errors import MAX_ORIGIN, RateLimited, foreign_origin, problem
from confab.domain.rates import Rate

log = logging.getLogger(__name__)

PATH = "/socket.io/"
UNKNOWN_SID = 1
"""Engine.IO's number of the error: https://socket.io/docs/v4/server-api/#serverengine."""
ELSEWHERE = (
    "Session ID unknown: it has ended, or another instance has it. Long polling works only where every"
    ' request of a session reaches the same instance: use transports: ["websocket"], or session affinity'
    " and cookies (withCredentials: true)."
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """Refuses foreign origins, and requests of sessions that this instance does not have."""

    def __init__(self, origins: Collection[str], has_session: Callable[[str], bool]) -> None:
        self._origins = frozenset(origins)
        self._has_session = has_session
        self._lines = Rate(1, 60, "log lines of one cause")

    @web.middleware
    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The refusal, or what the handler answers."""
        if request.path != PATH:
            return await handler(request)
        origin, sid = request.headers.get(hdrs.ORIGIN), request.query.get("sid")
        if origin is not None and origin not in self._origins:
            self._log("a page's origin is not among CONFAB_ALLOWED_ORIGINS", origin=origin[:MAX_ORIGIN])
            body = to_json(problem(foreign_origin(origin), uuid.uuid4().hex))
            return web.Response(status=403, body=body, content_type="application/problem+json")
        if not sid or request.method == hdrs.METH_OPTIONS or self._has_session(sid):
            return await handler(request)
        self._log("a polling session is unknown here: it has ended, or is another instance's")
        return _unknown(origin)

    def _log(self, cause: str, **fields: str) -> None:
        """Log a cause, at most once a minute."""
        with suppress(RateLimited):
            self._lines.take(cause)
            log.warning(cause, extra=fields)


def _unknown(origin: str | None) -> web.Response:
    """Engine.IO's error, which a page on an allowed origin may read."""
    body = to_json({"code": UNKNOWN_SID, "message": ELSEWHERE})
    headers = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: hdrs.ORIGIN}
    if origin is not None:
        headers |= {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin, hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS: "true"}
    return web.Response(status=400, body=body, content_type="application/json", headers=headers)
