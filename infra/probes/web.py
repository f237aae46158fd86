"""Probes Hosting and the functions from outside, without credentials or side effects."""

import re
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import httpx

from confab.http.routes import ROUTES, Route
from infra.probes.clients import described, http_client, is_a, problem, request
from infra.probes.probe import Failure, Probe
from infra.probes.system import System

FOREIGN_ORIGIN = "https://foreign.invalid"
FIX_WEB = "locally: make dev; in the cloud: check the address, and run make deploy again"
FIX_ROUTE = "check that the function is deployed and admits allUsers; its log has details"
FIX_REWRITE = "run make deploy again: Hosting needs a rewrite to the function, in the function's region"
FIX_RESPONSE = "a proxy in front of the function responds instead, or its release differs: deploy again"
FIX_ORIGINS = "give the functions the CONFAB_ALLOWED_ORIGINS of this configuration, and deploy them again"


@asynccontextmanager
async def web(system: System) -> AsyncIterator[Sequence[Probe]]:
    """Hosting serves the page, every route is guarded, and only allowed origins may call."""
    async with http_client() as client:
        yield [
            Probe("web page", partial(page, client, system.web), FIX_WEB),
            *(
                Probe(f"route {route.operation}", partial(guarded, client, system.web, route), FIX_ROUTE)
                for route in ROUTES
            ),
            *(
                Probe(f"origin {origin}", partial(allowed, client, system.web, origin), FIX_ORIGINS)
                for origin in system.config.allowed_origins
            ),
            Probe("foreign origins", partial(foreign, client, system.web), FIX_ROUTE),
        ]


async def page(client: httpx.AsyncClient, base: str) -> str:
    """Hosting serves some HTML page at the root."""
    response = await request(client, "GET", f"{base}/", FIX_WEB)
    if response.status_code != httpx.codes.OK or not is_a("text/html", response):
        raise Failure(f"{described(response)}, which is not a page")
    return f"{base} serves a page"


async def guarded(client: httpx.AsyncClient, base: str, route: Route) -> str:
    """The function itself rejects a call without a token, with the contract's 401."""
    began = time.monotonic()
    request_id = f"doctor-{uuid.uuid4().hex}"
    url = base + re.sub(r"\{\w+\}", "1", route.path)
    response = await request(client, route.method, url, FIX_WEB, headers={"X-Request-Id": request_id})
    if response.status_code == httpx.codes.NOT_FOUND:
        raise Failure(described(response), FIX_REWRITE)
    if (response.status_code, problem(response).get("code")) != (401, "unauthenticated"):
        raise Failure(f"{described(response)} instead of 401 unauthenticated")
    expected = {"X-Request-Id": request_id, "Cache-Control": "no-store", "WWW-Authenticate": "Bearer"}
    for name, value in expected.items():
        if response.headers.get(name) != value:
            raise Failure(f"{name} is {response.headers.get(name)!r} instead of {value!r}", FIX_RESPONSE)
    return f"401 without a token, after {(time.monotonic() - began) * 1000:.0f} ms"


async def allowed(client: httpx.AsyncClient, base: str, origin: str) -> str:
    """A page on an allowed origin may call."""
    response = await _preflight(client, base, origin)
    if response.headers.get("Access-Control-Allow-Origin") != origin:
        raise Failure(f"{described(response)}, so a page there may not call")
    return "a page there may call"


async def foreign(client: httpx.AsyncClient, base: str) -> str:
    """A page on any other origin may not."""
    response = await _preflight(client, base, FOREIGN_ORIGIN)
    if "Access-Control-Allow-Origin" in response.headers:
        raise Failure(f"a page on {FOREIGN_ORIGIN} may call", FIX_ORIGINS)
    if response.status_code != httpx.codes.FORBIDDEN:
        raise Failure(f"{described(response)} to a preflight instead of 403")
    return "403 to their preflight"


async def _preflight(client: httpx.AsyncClient, base: str, origin: str) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return await request(client, "OPTIONS", f"{base}/api/conversations", FIX_WEB, headers=headers)
