"""The operations in process, on in-memory twins; every answer is held to the OpenAPI document."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.adapters import MemoryAdapters
from tests.support.api import api_client
from tests.support.conformance import rest_document

DOCUMENT = rest_document()


@pytest.fixture
def adapters():
    return MemoryAdapters(CONFAB_ALLOWED_ORIGINS="https://app.example")


@pytest.fixture
async def client(adapters) -> AsyncIterator[httpx.AsyncClient]:
    async def is_documented(answer: httpx.Response) -> None:
        await answer.aread()
        DOCUMENT.check(answer)

    async with api_client(adapters) as client:
        client.event_hooks = {"response": [is_documented]}
        yield client
