"""The functions as they are deployed respond as the OpenAPI document says.

Each is a process of functions-framework, on the real store and bus. What a server adds by itself,
such as `Date`, is no part of the document.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from confab.http.routes import DISPATCHER, functions, rewrites
from tests.contract.answers import (
    CAUSES,
    DOCUMENT,
    OPERATIONS,
    ORIGIN,
    Site,
    documented,
    expected,
)
from tests.support.api import API
from tests.support.conformance import Outcome
from tests.support.processes import Server
from tests.support.system import System
from tests.support.users import user

ANSWER_S = 15.0
MESSAGES_PER_10S = 3
ERRORS = Path(__file__).parents[2] / "docs/errors.md"
OTHERWISE = {
    "token_revoked": "takes a user of Firebase Auth, whom the end-to-end tests have",
    "internal": "takes a defect",
    "unavailable": "is brought about for all operations at a time",
}
"""Why an error is not caused for each operation."""


class Hosting(httpx.AsyncHTTPTransport):
    """Sends each request to the function that Hosting's rewrites send it to."""

    def __init__(self, processes: Mapping[str, Server]) -> None:
        super().__init__()
        self._processes = processes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        served = (
            name
            for name, routes in functions().items()
            if name in self._processes and any(route.match(request.url.path) is not None for route in routes)
        )
        process = self._processes[next(served, DISPATCHER)]
        request.url = request.url.copy_with(host="127.0.0.1", port=process.port)
        return await super().handle_async_request(request)


class ServedSite(Site):
    """The operations in processes of their own, for users of its own."""

    messages_per_10s = MESSAGES_PER_10S

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__(client)
        self._run = uuid.uuid4().hex

    def user_id(self, name: str) -> str:
        return f"{name}-{self._run}"

    def token(self, name: str) -> str:
        if name in ("forged", ""):
            return name
        return user(self.user_id(name), lifetime_s=-3600 if name == "expired" else 3600).token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def processes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    async with System.running(tmp_path_factory.mktemp("served")) as processes:
        yield processes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(processes: System) -> dict[str, Server]:
    env = {"CONFAB_ALLOWED_ORIGINS": ORIGIN, "CONFAB_MESSAGES_PER_10S": str(MESSAGES_PER_10S)}
    names = {name for _, name in rewrites()}
    started = {name: await processes.function(name, None, **env) for name in names}
    for process in started.values():
        await process.serves()
    return started


@pytest.fixture
async def site(served: dict[str, Server]) -> AsyncIterator[ServedSite]:
    async with httpx.AsyncClient(
        transport=Hosting(served), base_url="http://confab", timeout=ANSWER_S
    ) as client:
        site = ServedSite(client)
        await site.prepare()
        yield site


@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [
        pytest.param(*case, id=f"{case[0].name}-{case[1]}-{case[2]}")
        for case in documented()
        if case[2] not in OTHERWISE
    ],
)
async def test_every_documented_answer_is_given_as_documented(site, operation, status, code):
    site.origin = ORIGIN
    answer = await CAUSES[code or status](site, operation)
    assert DOCUMENT.check(answer, closed=False) == Outcome(expected(operation, code), status, code)


async def test_a_frozen_store_is_unavailable_as_documented(site, processes):
    operations = [operation for operation in OPERATIONS.values() if operation.method != "OPTIONS"]
    processes.store_server.freeze()
    try:
        answers = await asyncio.gather(*(site.call(operation) for operation in operations))
    finally:
        processes.store_server.thaw()
    for operation, answer in zip(operations, answers, strict=True):
        assert DOCUMENT.check(answer, closed=False) == Outcome(operation.name, 503, "unavailable")


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("TRACE", API, 405, "Method Not Allowed"),
        ("PROPFIND", API, 405, "Method Not Allowed"),
        ("GET", "/robots.txt", 404, "Not Found"),
        ("GET", "/favicon.ico", 404, "Not Found"),
    ],
)
async def test_what_the_framework_refuses_by_itself_is_documented(site, method, path, *, status, text):
    answer = await site.call(OPERATIONS["list_conversations"], method=method, path=path)
    assert (answer.status_code, answer.text) == (status, text)
    assert path == API or path in ERRORS.read_text(encoding="utf-8")
