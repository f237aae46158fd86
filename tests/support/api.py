"""The REST operations in this process, as an HTTP client sees them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Route as StarletteRoute

from confab.http.edge import Edge
from confab.http.routes import ROUTES
from confab.wiring import Adapters

API = "/api/conversations"
CHAT = {"type": "chat"}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@asynccontextmanager
async def api_client(adapters: Adapters) -> AsyncIterator[httpx.AsyncClient]:
    """A client of all operations over these adapters, without a network."""
    route = StarletteRoute("/{path:path}", Edge(ROUTES, adapters).__call__, methods=METHODS)
    transport = httpx.ASGITransport(Starlette(routes=[route]))
    async with httpx.AsyncClient(transport=transport, base_url="http://confab") as client:
        yield client


def bearer(user: str = "alice", **headers: str) -> dict[str, str]:
    """The headers of a call as this user."""
    return {"Authorization": f"Bearer {user}", **headers}


async def created(client: httpx.AsyncClient, *, user: str = "alice", **fields: object) -> Any:
    """A new conversation of the user's."""
    answer = await client.post(API, json=CHAT | fields, headers=bearer(user))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def add_message(
    client: httpx.AsyncClient, conversation_id: str, content: str, user: str = "alice", **fields: object
) -> httpx.Response:
    """The answer to a message."""
    return await client.post(
        f"{API}/{conversation_id}/messages", json={"content": content, **fields}, headers=bearer(user)
    )


def assert_problem(answer: httpx.Response, status: int, code: str) -> Any:
    """The problem in an answer, which must be this one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["requestId"] == answer.headers["x-request-id"]
    assert_says_when(body, answer.headers.get("retry-after"))
    return body


def assert_says_when(problem: Mapping[str, Any], retry_after: object) -> None:
    """A problem that may pass says in whole seconds when to try again, and the same in words."""
    _, _, words = problem["detail"].partition(" Try again in ")
    assert words == ("" if retry_after is None else f"{retry_after} s.")
    assert (retry_after is not None) == (problem["code"] in ("rate_limited", "unavailable"))
    assert retry_after is None or int(str(retry_after)) >= 1
