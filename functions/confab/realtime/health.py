"""`GET /health` and `GET /ready` of a realtime container, also as `/healthz` and `/readyz`.

Cloud Run keeps paths that end in z on its own addresses to itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from confab.domain.errors import Unavailable
from confab.wiring import Adapters

log = logging.getLogger(__name__)

CHECK_S = 4.0
"""Seconds within which each check must have answered."""
REPORT_S = 30.0
"""Seconds from one line about what is missing to the next."""


class Health:
    """Whether this process lives, and whether it can serve."""

    def __init__(self, adapters: Adapters, *, bus_delivers: Callable[[], bool]) -> None:
        self._adapters = adapters
        self._bus_delivers = bus_delivers
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
        """What does not answer of what it needs to serve: `store`, `keys`, `bus`; or just `draining`."""
        if self.draining:  # the adapters are being closed
            return ["draining"]
        checks: Mapping[str, Callable[[], Awaitable[None]]] = {
            "store": self._adapters.store.check,
            "keys": self._adapters.verifier.check,
        }
        failed = await asyncio.gather(*(_fails(check) for check in checks.values()))
        missing = [name for name, fails in zip(checks, failed, strict=True) if fails]
        if not self._bus_delivers():
            missing.append("bus")
        return missing

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _request: web.Request) -> web.Response:
        missing = await self.missing()
        if missing:
            return web.json_response({"status": "unavailable", "missing": missing}, status=503)
        return web.json_response({"status": "ready", "missing": []})


async def _fails(check: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except (Unavailable, TimeoutError):
        return True
    return False
