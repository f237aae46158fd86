"""Every response that the OpenAPI document lists can be caused and is as documented; there is no other.

The operations are those of the functions; their adapters are in memory.
"""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest

from confab.domain.errors import Unavailable
from tests.contract.answers import (
    CAUSES,
    DOCUMENT,
    OPERATIONS,
    ORIGIN,
    Cause,
    Operation,
    Site,
    as_user,
    conversation_finalized,
    documented,
    expected,
    requests,
)
from tests.support.adapters import MemoryAdapters
from tests.support.api import api_client
from tests.support.conformance import REST, Outcome, RestDocument


class MemorySite(Site):
    """The operations on in-memory twins, which a test can break."""

    def __init__(self, client: httpx.AsyncClient, adapters: MemoryAdapters) -> None:
        super().__init__(client)
        self.messages_per_10s = adapters.config.messages_per_10s
        self._adapters = adapters

    def break_store(self, error: Exception) -> None:
        """Let every use of the store end in an error."""

        class Broken:
            def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
                async def fail(*_: object, **__: object) -> None:
                    raise error

                return fail

        vars(self._adapters).update(store=Broken(), conversations=None)
        del self._adapters.conversations


@pytest.fixture
async def site() -> AsyncIterator[MemorySite]:
    adapters = MemoryAdapters(CONFAB_ALLOWED_ORIGINS=ORIGIN)
    async with api_client(adapters) as client:
        site = MemorySite(client, adapters)
        await site.prepare()
        yield site


async def internal(site: MemorySite, operation: Operation) -> httpx.Response:
    site.break_store(RuntimeError("a defect"))
    return await site.call(operation)


async def unavailable(site: MemorySite, operation: Operation) -> httpx.Response:
    site.break_store(Unavailable("The store does not answer."))
    return await site.call(operation)


HERE: Mapping[int | str, Cause] = {
    **CAUSES,
    "token_revoked": as_user("revoked"),
    "internal": internal,
    "unavailable": unavailable,
}


@pytest.mark.parametrize("origin", [None, ORIGIN], ids=["same-origin", "cross-origin"])
@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [pytest.param(*case, id=f"{case[0].name}-{case[1]}-{case[2]}") for case in documented()],
)
async def test_every_documented_answer_is_given_as_documented(site, operation, status, code, origin):
    site.origin = origin
    answer = await HERE[code or status](site, operation)
    assert DOCUMENT.check(answer) == Outcome(expected(operation, code), status, code)


@pytest.mark.parametrize("finalized", [False, True], ids=["open", "finalized"])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_no_answer_but_the_documented_ones_is_given(site, operation, finalized):
    if finalized:
        await conversation_finalized(site, operation)
    for user, how in [*requests(), ("unchecked", {})]:
        DOCUMENT.check(await site.call(operation, user, **copy.deepcopy(how)))


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
    answer = await site.call(OPERATIONS["create_conversation"])
    content = copy.deepcopy(DOCUMENT.content)
    tamper(content["paths"]["/api/conversations"]["post"]["responses"])
    DOCUMENT.check(answer)
    with pytest.raises(AssertionError):
        RestDocument(REST, {REST: content}).check(answer)
