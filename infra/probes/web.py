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
from infra.probes.hosting import FIX_WEB, page, repair, source_of
from infra.probes.probe import Failure, Probe
from infra.probes.system import System

FOREIGN_ORIGIN = "https://foreign.invalid"
FIX_ROUTE = "check that the function is deployed and admits allUsers; its log has details"
FIX_RESPONSE = "a proxy in front of the function responds instead, or its release differs: deploy again"
FIX_ORIGINS = "give the functions the CONFAB_ALLOWED_ORIGINS of this configuration, and deploy them again"
_FIRST = ROUTES[0]
_CALLED = (f"route {_FIRST.operation}",)


@asynccontextmanager
async def web(system: System) -> AsyncIterator[Sequence[Probe]]:
    """Hosting serves the page, every route is guarded, and only allowed origins may call."""
    async with http_client() as client:
        yield [
            *([] if system.functions else [Probe("web page", partial(page, client, system.web), FIX_WEB)]),
            *(Probe(f"route {r.operation}", partial(guarded, client, system, r), FIX_ROUTE) for r in ROUTES),
            *(
                Probe(f"origin {each}", partial(allowed, client, system, each), FIX_ORIGINS, after=_CALLED)
                for each in system.config.allowed_origins
            ),
            Probe("foreign origins", partial(foreign, client, system), FIX_ROUTE, after=_CALLED),
        ]


def base_of(system: System, path: str) -> str:
    """The address at which to reach the function of this path."""
    return system.functions.get(source_of(path), system.web)


async def guarded(client: httpx.AsyncClient, system: System, route: Route) -> str:
    """The function itself rejects a call without a token, with the contract's 401."""
    began = time.monotonic()
    request_id = f"doctor-{uuid.uuid4().hex}"
    url = base_of(system, route.path) + re.sub(r"\{\w+\}", "1", route.path)
    response = await request(client, route.method, url, FIX_WEB, headers={"X-Request-Id": request_id})
    elsewhere = response.is_success and is_a("text/html", response)
    if elsewhere or response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
        raise Failure(described(response), None if system.functions else repair(system, route.path))
    if (response.status_code, problem(response).get("code")) != (401, "unauthenticated"):
        raise Failure(f"{described(response)} instead of 401 unauthenticated")
    expected = {
        "X-Request-Id": request_id,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "WWW-Authenticate": "Bearer",
    }
    for name, value in expected.items():
        if response.headers.get(name) != value:
            raise Failure(f"{name} is {response.headers.get(name)!r} instead of {value!r}", FIX_RESPONSE)
    return f"401 without a token, after {(time.monotonic() - began) * 1000:.0f} ms"


async def allowed(client: httpx.AsyncClient, system: System, origin: str) -> str:
    """A page on an allowed origin may call."""
    response = await _preflight(client, system, origin)
    if response.headers.get("Access-Control-Allow-Origin") != origin:
        raise Failure(f"{described(response)}, so a page there may not call")
    return "a page there may call"


async def foreign(client: httpx.AsyncClient, system: System) -> str:
    """A page on any other origin may not."""
    response = await _preflight(client, system, FOREIGN_ORIGIN)
    if "Access-Control-Allow-Origin" in response.headers:
        raise Failure(f"a page on {FOREIGN_ORIGIN} may call", FIX_ORIGINS)
    if response.status_code != httpx.codes.FORBIDDEN:
        raise Failure(f"{described(response)} to a preflight instead of 403")
    return "403 to their preflight"


async def _preflight(client: httpx.AsyncClient, system: System, origin: str) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": _FIRST.method}
    url = base_of(system, _FIRST.path) + _FIRST.path
    return await request(client, "OPTIONS", url, FIX_WEB, headers=headers)
