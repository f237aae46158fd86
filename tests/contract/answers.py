"""The responses that the OpenAPI document lists, and what causes each of them.

An operation, a status or a code that is new in the document needs a way here.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock, patch

import httpx

from confab.domain.errors import Unavailable
from confab.domain.models import Wire, current_time
from tests.support.adapters import MemoryAdapters
from tests.support.api import METHODS, add_message, bearer, created
from tests.support.conformance import PREFLIGHT, PROBLEM_JSON, rest_document

ORIGIN = "https://app.example"
DOCUMENT = rest_document()
OWNER, READER, MEMBER, STRANGER = "alice", "rita", "max", "eve"
"""The path of a member names `MEMBER`."""
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
    """The operations on twins, and a conversation of the owner's with a message and two readers."""

    def __init__(self, client: httpx.AsyncClient, adapters: MemoryAdapters) -> None:
        self.origin: str | None = None
        self.adapters = adapters
        self._client = client
        self._id = ""

    async def prepare(self) -> None:
        """Start the conversation."""
        self.sign_in(current_time())
        readers = [{"userId": uid, "access": "read"} for uid in (READER, MEMBER)]
        made = await created(self._client, members=readers)
        self._id = made["id"]
        await add_message(self._client, self._id, "Hello", OWNER)

    async def call(self, operation: Operation, user: str = OWNER, **how: Any) -> httpx.Response:
        """Use an operation as its example does, but for what `how` changes; a user's name is the token."""
        headers = (bearer(user) if user else {}) | how.pop("headers", {})
        if self.origin is not None:
            headers |= {"Origin": self.origin}
        if operation.body is not None and "content" not in how:
            how.setdefault("json", operation.body)
        path = operation.path.format(id=self._id, seq=1, userId=MEMBER)
        return await self._client.request(how.pop("method", operation.method), path, headers=headers, **how)

    def sign_in(self, at: datetime) -> None:
        """Let everybody have signed in then."""
        self.adapters.users.signed_in_at = at

    def follow(self, location: str) -> None:
        """Use the operations on the conversation at this address from now on."""
        self._id = location.rpartition("/")[2]

    def break_store(self, error: Exception) -> None:
        """Let every use of the store end in an error."""

        class Broken:
            pseudonym = self.adapters.store.pseudonym  # which asks nothing

            def __getattr__(self, name: str) -> AsyncMock:
                return AsyncMock(side_effect=error)

        vars(self.adapters).update(store=Broken(), conversations=None)
        del self.adapters.conversations


Cause = Callable[[Site, Operation], Awaitable[httpx.Response]]
"""Brings an answer about."""


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


async def without_content(site: Site, operation: Operation) -> httpx.Response:
    return await site.call(operation, MEMBER if operation.name == "remove_member" else OWNER)


async def not_found(site: Site, operation: Operation) -> httpx.Response:
    if operation.name != "create_conversation":
        return await site.call(operation, STRANGER)
    keyed = {"Idempotency-Key": "k1"}
    site.follow((await site.call(operation, headers=keyed)).headers["Location"])
    await site.call(OPERATIONS["delete_conversation"])
    return await site.call(operation, headers=keyed)


async def method_not_allowed(site: Site, operation: Operation) -> httpx.Response:
    taken = DOCUMENT.content["paths"][operation.path]
    return await site.call(operation, method=next(one for one in METHODS if one.lower() not in taken))


async def forbidden(site: Site, operation: Operation) -> httpx.Response:
    if operation.method == "OPTIONS":
        site.origin = "https://evil.example"
    site.sign_in(current_time() - timedelta(minutes=5, seconds=1))
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
    """While another request of the user's is under way, which is all that they may have here."""
    going_on = asyncio.Event()

    async def wait(*_: object, **__: object) -> Sequence[Wire]:
        await going_on.wait()
        return ()

    with patch.object(site.adapters.store, "conversations", wait):
        other = asyncio.create_task(site.call(OPERATIONS["list_conversations"]))
        await asyncio.sleep(0.01)
        refused = await site.call(operation)
        going_on.set()
        await other
    return refused


def as_user(name: str) -> Cause:
    return lambda site, operation: site.call(operation, name)


def with_store(error: Exception) -> Cause:
    def cause(site: Site, operation: Operation) -> Awaitable[httpx.Response]:
        site.break_store(error)
        return site.call(operation)

    return cause


CAUSES: Mapping[int | str, Cause] = {
    200: ask_twice,
    201: ask,
    202: ask,
    204: without_content,
    "invalid_request": invalid_request,
    "unauthenticated": as_user("forged"),
    "token_expired": as_user("expired"),
    "token_revoked": as_user("revoked"),
    "forbidden": forbidden,
    "not_found": not_found,
    "method_not_allowed": method_not_allowed,
    "conversation_finalized": conversation_finalized,
    "idempotency_conflict": idempotency_conflict,
    "payload_too_large": lambda site, operation: site.call(operation, content=b" " * 300_000),
    "unsupported_media_type": lambda site, operation: site.call(operation, content=b"{}"),
    "rate_limited": rate_limited,
    "internal": with_store(RuntimeError("a defect")),
    "unavailable": with_store(Unavailable("The store does not answer.")),
}
"""What causes each success, by status, and each error, by code."""

BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"json": {}},
    {"json": {"type": "chat", "members": [{"userId": OWNER}]}},
    {"json": {"content": "x", "role": "system"}},
    {"json": {"content": "x", "inReplyTo": 9}},
    {"json": {"metadata": {}}},
    {"json": {"owner": STRANGER}},
    {"json": {"access": "read"}},
    {"content": b"{", "headers": {"Content-Type": "application/json"}},
    {"params": {"limit": "0"}},
    {"params": {"after": "1", "before": "1"}},
    {"headers": {"Idempotency-Key": "k" * 129, "X-Request-Id": "not fit"}},
)


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Users and ways of asking, good and bad."""
    return itertools.product((STRANGER, READER, OWNER, "expired", ""), BODIES)
