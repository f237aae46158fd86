"""`GET /health` and `GET /ready` of a realtime container, also as `/healthz` and `/readyz`.

Cloud Run keeps paths that end in z on its own addresses to itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from aiohttp import hdrs, web

from confab.domain.errors import Unavailable
from confab.ports.identity import TokenVerifier
from confab.ports.store import Store

log = logging.getLogger(__name__)

CHECK_S = 4.0
"""Seconds within which each check must have answered."""
REPORT_S = 30.0
"""Seconds between two lines about failed checks."""


class Health:
    """Whether this process lives, and whether it can serve."""

    def __init__(
        self,
        store: Store,
        verifier: TokenVerifier,
        *,
        bus_delivers: Callable[[], bool],
        origins: Collection[str] = (),
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._bus_delivers = bus_delivers
        self._origins = frozenset(origins)
        self.draining = False

    def routes(self) -> list[web.RouteDef]:
        """The endpoints."""
        alive = [web.get(path, self._alive) for path in ("/health", "/healthz")]
        return alive + [web.get(path, self._ready) for path in ("/ready", "/readyz")]

    async def report(self) -> None:
        """Log every REPORT_S while something is missing; until cancelled. An alert counts these lines."""
        while True:
            await asyncio.sleep(REPORT_S)
            missing = [] if self.draining else await self.missing()
            if missing:
                log.warning("not ready", extra={"missing": missing})

    async def missing(self) -> list[str]:
        """The names of the checks that fail, `bus` if it delivers nothing, or just `draining`."""
        if self.draining:  # the adapters close
            return ["draining"]
        store_fails, keys_fail = await asyncio.gather(
            _fails(self._store.check()), _fails(self._verifier.check())
        )
        failed = {"store": store_fails, "keys": keys_fail, "bus": not self._bus_delivers()}
        return [name for name, fails in failed.items() if fails]

    async def _alive(self, request: web.Request) -> web.Response:
        """200, readable by any page: one whose sockets fail learns whether its origin is why."""
        origin = request.headers.get(hdrs.ORIGIN)
        allowed = {} if origin is None else {"originAllowed": origin in self._origins}
        headers = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*", hdrs.CACHE_CONTROL: "no-store"}
        return web.json_response({"status": "alive", **allowed}, headers=headers)

    async def _ready(self, _request: web.Request) -> web.Response:
        missing = await self.missing()
        if missing:
            return web.json_response({"status": "unavailable", "missing": missing}, status=503)
        return web.json_response({"status": "ready", "missing": []})


async def _fails(check: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(CHECK_S):
            await check
    except (Unavailable, TimeoutError):
        return True
    return False
