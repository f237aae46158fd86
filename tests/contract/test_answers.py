"""Every answer that the OpenAPI document lists is given as it says, and no other is given.

The document drives the tests: an operation, a status or a code that is new in it needs a way here
to bring it about.
"""

import copy
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from confab.domain.errors import Unavailable
from tests.support.api import api_client
from tests.support.conformance import Outcome, RestDocument, rest_document
from tests.support.ports import MemoryPorts

ORIGIN = "https://app.example"
DOCUMENT = rest_document()
OWNER, READER, STRANGER = "alice", "rita", "eve"
ANOTHER = {"create_conversation": {"title": "Another"}, "add_message": {"content": "Another"}}
"""What makes a different request of an operation's example."""


@dataclass(frozen=True)
class Operation:
    """One operation as the document has it."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    """The example of its request's body; None if it takes none."""


def operations() -> Iterator[tuple[Operation, Mapping[str, Any]]]:
    """Each operation with its responses."""
    for path, item in DOCUMENT.content["paths"].items():
        for method, part in item.items():
            if method == "parameters":
                continue
            content = part.get("requestBody", {}).get("content", {})
            body = content["application/json"]["example"] if content else None
            yield Operation(part["operationId"], method.upper(), path, body), part["responses"]


def codes(pointer: str) -> list[str | None]:
    """The codes that a response can tell; None stands for a success."""
    content = DOCUMENT.at(DOCUMENT.resolved(pointer)).get("content", {})
    if "application/problem+json" not in content:
        return [None]
    schema = content["application/problem+json"]["schema"]
    refs = [choice["$ref"] for choice in schema.get("oneOf", [schema])]
    return [DOCUMENT.at(ref)["properties"]["code"]["const"] for ref in refs]


def documented() -> Iterator[tuple[Operation, int, str | None]]:
    """Each answer that the document lists."""
    for operation, responses in operations():
        item = f"#/paths/{operation.path.replace('/', '~1')}/{operation.method.lower()}"
        for status in responses:
            for code in codes(f"{item}/responses/{status}"):
                yield operation, int(status), code


class Site:
    """The operations on in-memory twins, and a conversation to use them on."""

    def __init__(self, client: httpx.AsyncClient, ports: MemoryPorts, conversation_id: str) -> None:
        self.ports = ports
        self._client = client
        self._id = conversation_id
        self.origin: str | None = None

    async def call(self, operation: Operation, token: str = OWNER, **how: Any) -> httpx.Response:
        """Use an operation as its example does, but for what `how` changes."""
        headers = {"Authorization": f"Bearer {token}"} | how.pop("headers", {})
        if self.origin is not None:
            headers |= {"Origin": self.origin}
        if operation.body is not None and "content" not in how:
            how.setdefault("json", operation.body)
        path = operation.path.replace("{id}", self._id)
        return await self._client.request(how.pop("method", operation.method), path, headers=headers, **how)

    def break_store(self, error: Exception) -> None:
        """Let every use of the store end in an error."""

        class Broken:
            def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
                async def fail(*_: object, **__: object) -> None:
                    raise error

                return fail

        self.ports.__dict__["store"] = Broken()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    ports = MemoryPorts(CONFAB_ALLOWED_ORIGINS=ORIGIN)
    async with api_client(ports) as client:
        made = await client.post(
            "/api/conversations",
            json={"type": "chat", "members": [{"userId": READER, "access": "read"}]},
            headers={"Authorization": f"Bearer {OWNER}"},
        )
        yield Site(client, ports, made.json()["id"])


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
    finalize = next(other for other, _ in operations() if other.name == "finalize_conversation")
    await site.call(finalize)
    return await site.call(operation)


async def idempotency_conflict(site: Site, operation: Operation) -> httpx.Response:
    keyed = {"Idempotency-Key": "k1"}
    assert operation.body is not None
    await site.call(operation, headers=keyed)
    return await site.call(operation, headers=keyed, json={**operation.body, **ANOTHER[operation.name]})


async def internal(site: Site, operation: Operation) -> httpx.Response:
    site.break_store(RuntimeError("a defect"))
    return await site.call(operation)


async def unavailable(site: Site, operation: Operation) -> httpx.Response:
    site.break_store(Unavailable("The store does not answer."))
    return await site.call(operation)


async def rate_limited(site: Site, operation: Operation) -> httpx.Response:
    for _ in range(site.ports.config.messages_per_10s):
        await site.call(operation)
    return await site.call(operation)


def with_token(token: str) -> Callable[[Site, Operation], Awaitable[httpx.Response]]:
    return lambda site, operation: site.call(operation, token)


CAUSES: Mapping[int | str, Callable[[Site, Operation], Awaitable[httpx.Response]]] = {
    200: ask_twice,
    201: ask,
    204: ask,
    "invalid_request": invalid_request,
    "unauthenticated": with_token("forged"),
    "token_expired": with_token("expired"),
    "token_revoked": with_token("revoked"),
    "forbidden": forbidden,
    "not_found": with_token(STRANGER),
    "method_not_allowed": lambda site, operation: site.call(operation, method="DELETE"),
    "conversation_finalized": conversation_finalized,
    "idempotency_conflict": idempotency_conflict,
    "payload_too_large": lambda site, operation: site.call(operation, content=b" " * 100_000),
    "unsupported_media_type": lambda site, operation: site.call(operation, content=b"{}"),
    "rate_limited": rate_limited,
    "internal": internal,
    "unavailable": unavailable,
}
"""How to bring about each success, by status, and each error, by code."""


@pytest.mark.parametrize("origin", [None, ORIGIN], ids=["same-origin", "cross-origin"])
@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [pytest.param(*case, id=f"{case[0].name}-{case[1]}-{case[2]}") for case in documented()],
)
async def test_every_documented_answer_is_given_as_documented(site, operation, status, code, origin):
    site.origin = origin
    answer = await CAUSES[code or status](site, operation)
    asked = None if code == "method_not_allowed" else operation.name
    assert DOCUMENT.check(answer) == Outcome(asked, status, code)


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


@pytest.mark.parametrize("finalized", [False, True], ids=["open", "finalized"])
@pytest.mark.parametrize("operation", [operation for operation, _ in operations()], ids=lambda o: o.name)
async def test_no_answer_but_the_documented_ones_is_given(site, operation, finalized):
    if finalized:
        await conversation_finalized(site, operation)
    tokens = (STRANGER, READER, OWNER, "expired", "unchecked", "")
    for token, how in itertools.product(tokens, BODIES):
        DOCUMENT.check(await site.call(operation, token, **copy.deepcopy(how)))


TAMPERED: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "status": lambda responses: responses.pop("201"),
    "header": lambda responses: responses["201"]["headers"].pop("Location"),
    "required header": lambda responses: responses["201"]["headers"].update(
        {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    ),
    "media type": lambda responses: responses["201"].update(content={"text/plain": {}}),
    "body": lambda responses: responses["201"].update(
        content={"application/json": {"schema": {"$ref": "#/components/schemas/Message"}}}
    ),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
async def test_an_answer_that_is_not_documented_is_caught(site, tamper):
    answer = await site.call(next(o for o, _ in operations() if o.name == "create_conversation"))
    content = copy.deepcopy(DOCUMENT.content)
    tamper(content["paths"]["/api/conversations"]["post"]["responses"])
    DOCUMENT.check(answer)
    with pytest.raises(AssertionError):
        RestDocument(content).check(answer)
