"""Every response that the OpenAPI document lists can be caused and is as documented; there is no other.

The operations are those of the functions; their adapters are in memory. The end-to-end tests hold the
responses of deployed functions against the document.
"""

import copy
from collections.abc import AsyncIterator

import pytest

from tests.contract.answers import CAUSES, DOCUMENT, OPERATIONS, ORIGIN, Site, documented, requests
from tests.support.adapters import MemoryAdapters
from tests.support.api import api_client, assert_says_when
from tests.support.conformance import Outcome


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    adapters = MemoryAdapters(CONFAB_ALLOWED_ORIGINS=ORIGIN, CONFAB_REQUESTS_PER_USER="1")
    async with api_client(adapters) as client:
        site = Site(client, adapters)
        await site.prepare()
        yield site


@pytest.mark.parametrize("origin", [None, ORIGIN], ids=["same-origin", "cross-origin"])
@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [pytest.param(*case, id=f"{case[0].name}-{case[1]}-{case[2]}") for case in documented()],
)
async def test_every_documented_answer_is_given_as_documented(site, operation, status, code, origin):
    site.origin = origin
    answer = await CAUSES[code or status](site, operation)
    unnamed = code == "method_not_allowed" or operation.method == "OPTIONS"
    assert DOCUMENT.check(answer) == Outcome(None if unnamed else operation.name, status, code)
    if code is not None:
        assert_says_when(answer.json(), answer.headers.get("Retry-After"))


@pytest.mark.parametrize("finalized", [False, True], ids=["open", "finalized"])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_no_answer_but_the_documented_ones_is_given(site, operation, finalized):
    if finalized:
        await CAUSES["conversation_finalized"](site, operation)
    for user, how in [*requests(), ("unchecked", {})]:
        DOCUMENT.check(await site.call(operation, user, **copy.deepcopy(how)))
