"""Hosting and the functions behind it, seen from outside: no call here is allowed to do anything."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx

from confab.http.routes import ROUTES, Route
from infra.doctor.check import Check, Fault
from infra.doctor.site import Site, http

FOREIGN_ORIGIN = "https://foreign.invalid"
HTML = "text/html"
PROBLEM = "application/problem+json"
MEND_WEB = (
    "locally: make dev; in the cloud: firebase deploy --only hosting, and see that the address is right"
)
MEND_ROUTE = "see that the function is deployed, that everybody may invoke it, and what its log says"
MEND_REWRITE = "deploy Hosting with the rewrites of this firebase.json, and the function in the same region"
MEND_ANSWER = (
    "something before the function answers in its place, or it is of another version: deploy it again"
)
MEND_ORIGINS = "give the functions the same CONFAB_ALLOWED_ORIGINS as the doctor, and deploy them again"


@asynccontextmanager
async def web(site: Site) -> AsyncIterator[Sequence[Check]]:
    """Whether the page is served, every route is guarded, and only the allowed origins may call."""
    async with http() as client:
        yield [
            Check("web page", partial(page, client, site.web), MEND_WEB),
            *(
                Check(f"route {route.operation}", partial(guarded, client, site.web, route), MEND_ROUTE)
                for route in ROUTES
            ),
            *(
                Check(f"origin {origin}", partial(invited, client, site.web, origin), MEND_ROUTE)
                for origin in site.config.allowed_origins
            ),
            Check("foreign origins", partial(not_invited, client, site.web), MEND_ROUTE),
        ]


async def page(client: httpx.AsyncClient, base: str) -> str:
    """A page is at the root, whatever its makers have put on it."""
    answer = await asked(client, "GET", f"{base}/", MEND_WEB)
    if answer.status_code != httpx.codes.OK or not _is_a(HTML, answer):
        raise Fault(f"{told(answer)}, and that is no page", MEND_WEB)
    return f"{base} serves a page"


async def guarded(client: httpx.AsyncClient, base: str, route: Route) -> str:
    """A call without a token is refused by the function itself, in the form of the contract."""
    began = time.monotonic()
    request_id = f"doctor-{uuid.uuid4().hex}"
    url = base + route.path.replace("{id}", "doctor")
    answer = await asked(client, route.method, url, MEND_WEB, headers={"X-Request-Id": request_id})
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise Fault(told(answer), MEND_REWRITE)
    if answer.status_code != httpx.codes.UNAUTHORIZED or _problem(answer).get("code") != "unauthenticated":
        raise Fault(f"{told(answer)} and not 401 unauthenticated", MEND_ROUTE)
    expected = {"X-Request-Id": request_id, "Cache-Control": "no-store", "WWW-Authenticate": "Bearer"}
    for name, value in expected.items():
        if answer.headers.get(name) != value:
            raise Fault(f"{name} is {answer.headers.get(name)!r} and not {value!r}", MEND_ANSWER)
    return f"401 to a call without a token, after {(time.monotonic() - began) * 1000:.0f} ms"


async def invited(client: httpx.AsyncClient, base: str, origin: str) -> str:
    """A page on an allowed origin may call."""
    answer = await _preflight(client, base, origin)
    if answer.headers.get("Access-Control-Allow-Origin") != origin:
        raise Fault(f"{told(answer)}: a page there is not let in", MEND_ORIGINS)
    return "a page there may call"


async def not_invited(client: httpx.AsyncClient, base: str) -> str:
    """A page anywhere else may not."""
    answer = await _preflight(client, base, FOREIGN_ORIGIN)
    if "Access-Control-Allow-Origin" in answer.headers:
        raise Fault(f"a page on {FOREIGN_ORIGIN} is let in", MEND_ORIGINS)
    if answer.status_code != httpx.codes.FORBIDDEN:
        raise Fault(f"{told(answer)} to a preflight and not 403", MEND_ROUTE)
    return "403 to their preflight"


async def asked(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    mend: str,
    *,
    headers: Mapping[str, str] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> httpx.Response:
    """The answer; raises Fault with this advice where nobody answers."""
    try:
        return await client.request(method, url, headers=headers, json=fields)
    except httpx.TimeoutException:
        raise Fault(f"{url} does not answer within {client.timeout.read:g} s", mend) from None
    except httpx.RequestError as error:
        raise Fault(f"{url} does not answer: {error or type(error).__name__}", mend) from None


async def _preflight(client: httpx.AsyncClient, base: str, origin: str) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return await asked(client, "OPTIONS", f"{base}/api/conversations", MEND_WEB, headers=headers)


def told(answer: httpx.Response) -> str:
    """What was answered, in the words of its problem where it is one."""
    said = _problem(answer)
    reason = f" {said.get('code')}: {said.get('detail')}" if said else ""
    return f"{answer.url.path} answers {answer.status_code}{reason}"


def fields_of(answer: httpx.Response) -> Mapping[str, Any]:
    """The JSON object in an answer; none at all where the body is anything else."""
    try:
        said = json.loads(answer.content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    return fields_of(answer) if _is_a(PROBLEM, answer) else {}


def _is_a(media_type: str, answer: httpx.Response) -> bool:
    return bool(answer.headers.get("Content-Type", "").startswith(media_type))
