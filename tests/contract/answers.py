"""The responses that the OpenAPI document lists, and what causes each of them.

An operation, a status or a code that is new in the document needs a way here.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.conformance import PREFLIGHT, PROBLEM_JSON, rest_document

ORIGIN = "https://app.example"
DOCUMENT = rest_document()
OWNER, READER, STRANGER = "alice", "rita", "eve"
ANOTHER = {"create_conversation": {"title": "Another"}, "add_message": {"content": "Another"}}
"""What makes a different request of an operation's example."""


@dataclass(frozen=True)
class Operation:
    """One operation as the document has it, or a preflight."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    """The example of its request's body; None if it takes none."""


def responses() -> Iterator[tuple[Operation, int, str]]:
    """Each response that the document lists, with the pointer to it.

    The responses to a preflight, and to a method that a path lacks, are documented once for all paths.
    """
    shared = "#/components/responses"
    for path, method, part in DOCUMENT.operations():
        content = part.get("requestBody", {}).get("content", {})
        body = content["application/json"]["example"] if content else None
        operation = Operation(part["operationId"], method.upper(), path, body)
        pointer = f"#/paths/{path.replace('/', '~1')}/{method}/responses"
        for status in part["responses"]:
            yield operation, int(status), DOCUMENT.resolved(f"{pointer}/{status}")
        yield operation, 405, f"{shared}/MethodNotAllowed"
    for path in DOCUMENT.content["paths"]:
        preflight = Operation(f"preflight {path}", "OPTIONS", path, None)
        for status, name in PREFLIGHT.items():
            yield preflight, status.value, f"{shared}/{name}"


OPERATIONS = {operation.name: operation for operation, *_ in responses()}


def codes(pointer: str) -> list[str | None]:
    """The codes that a response can have; None stands for a success."""
    content = DOCUMENT.at(pointer).get("content", {})
    if PROBLEM_JSON not in content:
        return [None]
    schema = content[PROBLEM_JSON]["schema"]
    return [
        DOCUMENT.at(choice["$ref"])["properties"]["code"]["const"] for choice in schema.get("oneOf", [schema])
    ]


def documented() -> Iterator[tuple[Operation, int, str | None]]:
    """Each response that the document lists, by its code."""
    for operation, status, pointer in responses():
        for code in codes(pointer):
            yield operation, status, code


class Site:
    """The operations, and a conversation of the owner's, which the reader may read, to use them on."""

    messages_per_10s: int
    """Sends of a user that are let through."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._id = ""
        self.origin: str | None = None

    def user_id(self, name: str) -> str:
        """The uid of a user."""
        return name

    def token(self, name: str) -> str:
        """The token of a user, or one that is `forged`, `expired`, `revoked` or cannot be checked."""
        return name

    async def prepare(self) -> None:
        """Start the conversation."""
        made = await self._client.post(
            "/api/conversations",
            json={"type": "chat", "members": [{"userId": self.user_id(READER), "access": "read"}]},
            headers={"Authorization": f"Bearer {self.token(OWNER)}"},
        )
        self._id = made.json()["id"]

    async def call(self, operation: Operation, user: str = OWNER, **how: Any) -> httpx.Response:
        """Use an operation as its example does, but for what `how` changes."""
        token = self.token(user)
        headers = ({"Authorization": f"Bearer {token}"} if token else {}) | how.pop("headers", {})
        if self.origin is not None:
            headers |= {"Origin": self.origin}
        if operation.body is not None and "content" not in how:
            how.setdefault("json", operation.body)
        path = how.pop("path", operation.path).replace("{id}", self._id)
        return await self._client.request(how.pop("method", operation.method), path, headers=headers, **how)


Cause = Callable[[Any, Operation], Awaitable[httpx.Response]]
"""Brings an answer about on a site; some only on a kind of site."""


async def ask(site: Site, operation: Operation) -> httpx.Response:
    return await site.call(operation)


async def ask_twice(site: Site, operation: Operation) -> httpx.Response:
    keyed = {"Idempotency-Key": "k1"}
    await site.call(operation, headers=keyed)
    return await site.call(operation, headers=keyed)


async def invalid_request(site: Site, operation: Operation) -> httpx.Response:
    if operation.body is None:
        return await site.call(operation, params={"unknown": 1})
    return await site.call(operation, json={"unknown": 1})


async def forbidden(site: Site, operation: Operation) -> httpx.Response:
    if operation.method == "OPTIONS":
        site.origin = "https://evil.example"
    return await site.call(operation, READER)


async def conversation_finalized(site: Site, operation: Operation) -> httpx.Response:
    await site.call(OPERATIONS["finalize_conversation"])
    return await site.call(operation)


async def idempotency_conflict(site: Site, operation: Operation) -> httpx.Response:
    keyed = {"Idempotency-Key": "k1"}
    assert operation.body is not None
    await site.call(operation, headers=keyed)
    return await site.call(operation, headers=keyed, json={**operation.body, **ANOTHER[operation.name]})


async def rate_limited(site: Site, operation: Operation) -> httpx.Response:
    for _ in range(site.messages_per_10s):
        await site.call(operation)
    return await site.call(operation)


def as_user(name: str) -> Cause:
    return lambda site, operation: site.call(operation, name)


CAUSES: Mapping[int | str, Cause] = {
    200: ask_twice,
    201: ask,
    204: ask,
    "invalid_request": invalid_request,
    "unauthenticated": as_user("forged"),
    "token_expired": as_user("expired"),
    "forbidden": forbidden,
    "not_found": as_user(STRANGER),
    "method_not_allowed": lambda site, operation: site.call(operation, method="DELETE"),
    "conversation_finalized": conversation_finalized,
    "idempotency_conflict": idempotency_conflict,
    "payload_too_large": lambda site, operation: site.call(operation, content=b" " * 300_000),
    "unsupported_media_type": lambda site, operation: site.call(operation, content=b"{}"),
    "rate_limited": rate_limited,
}
"""What causes each success, by status, and each error, by code, on any site."""

BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"json": {}},
    {"json": {"type": "chat", "members": [{"userId": OWNER}]}},
    {"json": {"content": "x", "role": "system"}},
    {"content": b"{", "headers": {"Content-Type": "application/json"}},
    {"params": {"limit": "0"}},
    {"params": {"after": "1", "before": "1"}},
    {"headers": {"Idempotency-Key": "k" * 129, "X-Request-Id": "not fit"}},
)


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Users and ways of asking, good and bad."""
    return itertools.product((STRANGER, READER, OWNER, "expired", ""), BODIES)


def expected(operation: Operation, code: str | None) -> str | None:
    """The operation that a response with this code is found to be of."""
    return None if code == "method_not_allowed" or operation.method == "OPTIONS" else operation.name
