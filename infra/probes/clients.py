"""HTTP and Socket.IO clients of the probes, closed however a probe ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import httpx
import socketio

from infra.probes.probe import RESPONSE_S, Failure

CONNECT_S = 8
CLOSE_S = 2.0
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


@asynccontextmanager
async def socket_client() -> AsyncIterator[socketio.AsyncClient]:
    """A Socket.IO client without reconnection, disconnected at the end within CLOSE_S."""
    async with aiohttp.ClientSession() as session:
        client = socketio.AsyncClient(reconnection=False, http_session=session)
        try:
            yield client
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await client.shutdown()


async def connect(client: socketio.AsyncClient, url: str, origin: str, token: str | None = None) -> None:
    """Connect over a WebSocket as a page on this origin does; raises Refused."""
    refusals: list[object] = []
    client.on("connect_error", refusals.append)
    try:
        await client.connect(
            url,
            auth=None if token is None else {"token": token},
            transports=["websocket"],
            headers={"Origin": origin},
            wait_timeout=CONNECT_S,
        )
    except socketio.exceptions.ConnectionError as error:
        raise Refused(refusals[-1] if refusals else error) from None


class Refused(Exception):
    """An instance rejected a handshake or a join; `code` is the problem's, if it named one."""

    def __init__(self, reason: object) -> None:
        found = reason if isinstance(reason, Mapping) else {}
        data = found.get("data")
        super().__init__(str(found.get("message", reason)))
        self.code = data.get("code") if isinstance(data, Mapping) else None
