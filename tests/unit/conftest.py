"""The operations in process, on in-memory twins; every answer is held to the OpenAPI document."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.api import api_client
from tests.support.conformance import rest_document
from tests.support.ports import MemoryPorts

DOCUMENT = rest_document()


@pytest.fixture
def ports():
    return MemoryPorts(CONFAB_ALLOWED_ORIGINS="https://app.example")


@pytest.fixture
async def client(ports) -> AsyncIterator[httpx.AsyncClient]:
    async def is_documented(answer: httpx.Response) -> None:
        await answer.aread()
        DOCUMENT.check(answer)

    async with api_client(ports) as client:
        client.event_hooks = {"response": [is_documented]}
        yield client
