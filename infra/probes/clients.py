"""An HTTP client of what the probes look at raw."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from infra.probes.probe import RESPONSE_S, Failure

PROBLEM = "application/problem+json"


@asynccontextmanager
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client with RESPONSE_S as its timeout; it ignores this machine's proxy."""
    async with httpx.AsyncClient(timeout=RESPONSE_S, trust_env=False) as client:
        yield client


async def request(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    fix: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> httpx.Response:
    """The response; raises Failure with this fix if there is none."""
    try:
        return await client.request(method, url, headers=headers, json=body)
    except httpx.TimeoutException:
        raise Failure(f"{url} does not respond within {client.timeout.read:g} s", fix) from None
    except httpx.RequestError as error:
        raise Failure(f"{url} does not respond: {error or type(error).__name__}", fix) from None


def fields(response: httpx.Response) -> Mapping[str, Any]:
    """The JSON object in a response; an empty one for any other body."""
    try:
        found = json.loads(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def is_a(media_type: str, response: httpx.Response) -> bool:
    """Whether the response is of this media type."""
    return bool(response.headers.get("Content-Type", "").startswith(media_type))


def problem(response: httpx.Response) -> Mapping[str, Any]:
    """The problem object in a response; an empty one if there is none."""
    return fields(response) if is_a(PROBLEM, response) else {}


def described(response: httpx.Response) -> str:
    """The path, the status, and the code and detail of a problem."""
    found = problem(response)
    reason = f" {found.get('code')}: {found.get('detail')}" if found else ""
    return f"{response.url.path} responds {response.status_code}{reason}"
