"""Whatever a client sends gets an answer of ours: neither functions-framework's nor aiohttp's own."""

import json
import sys
from pathlib import Path

from tests.hostile.raw import POLLING, WEBSOCKET, Answer, exchange, http
from tests.support.api import API
from tests.support.inherited import inherited
from tests.support.processes import Server, answers
from tests.support.surrealdb import PASSWORD, USER, SurrealServer
from tests.support.world import ORIGIN, World

CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed"}
SHARED = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}
REST = {"allow": "POST, GET, OPTIONS"}
ASKED_OF_FUNCTIONS = {
    f"TRACE {API}": (405, REST),
    f"PROPFIND {API}": (405, REST),
    f"CONNECT {API}": (405, REST),
    f"HEAD {API}": (405, REST),
    "CONNECT host:443": (404, {}),
    "GET /robots.txt": (404, {}),
    "PROPFIND /robots.txt": (404, {}),
    "GET /favicon.ico": (404, {}),
    "GET /api/conv%0aersations": (404, {}),
    "GET /api/conversations%0d%0a": (404, {}),
    "GET *": (404, {}),
    "OPTIONS *": (404, {}),
    f"GET http://other.example{API}": (404, {}),
}
ASKED_OF_INSTANCES = {
    "GET /": (404, {}),
    "TRACE /nowhere": (404, {}),
    "GET /%0a": (404, {}),
    "CONNECT host:443": (404, {}),
    "OPTIONS *": (404, {}),
    "POST /healthz": (405, {"allow": "GET, HEAD"}),
    "GET *": (400, {}),
    "G=T /": (400, {}),
    f"GET /{'a' * 9_000}": (400, {}),
}


def assert_ours(asked: str, answer: Answer, status: int, headers: dict[str, str]) -> None:
    """A problem, which tells no more than it has to, and cannot be taken for a page or a script."""
    assert (answer.status, answer.headers | SHARED | headers) == (status, answer.headers), asked
    assert answer.headers["content-type"] == "application/problem+json", asked
    if not asked.startswith("HEAD "):
        problem = json.loads(answer.body)
        assert (problem["status"], problem["code"]) == (status, CODES[status]), asked
        assert problem["requestId"] == answer.headers["x-request-id"], asked


async def test_a_function_answers_whatever_its_framework_would(server: SurrealServer, tmp_path: Path) -> None:
    env = inherited(measured=True) | {
        "SURREALDB_URL": server.url,
        "SURREALDB_USER": USER,
        "SURREALDB_PASSWORD": PASSWORD,
        "CONFAB_ALLOWED_ORIGINS": ORIGIN,
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9",
    }
    framework = (sys.executable, "-m", "functions_framework", "--source=functions/main.py")
    command = (*framework, "--target=conversations", "--host=127.0.0.1", "--port={port}")
    function = Server("function", command, env=env, folder=tmp_path, ready=answers("/nowhere", 404))
    try:
        await function.start()
        for asked, (status, headers) in ASKED_OF_FUNCTIONS.items():
            method, target = asked.split()
            sent = http(method, target, {"Origin": ORIGIN, "X-Request-Id": "a.b"})
            ours = headers | {"access-control-allow-origin": ORIGIN, "x-request-id": "a.b"}
            assert_ours(asked, await exchange(function.address, sent), status, ours)
    finally:
        await function.close()


async def test_an_instance_answers_whatever_its_server_would(world: World) -> None:
    address = world.urls[0].removeprefix("http://")
    for asked, (status, headers) in ASKED_OF_INSTANCES.items():
        method, target = asked.split()
        answer = await exchange(address, http(method, target))
        assert_ours(asked, answer, status, headers | {"server": "Confab"})


async def test_no_answer_of_an_instance_is_sniffed_embedded_or_cached(world: World) -> None:
    for path in (POLLING, "/socket.io/?EIO=3", f"{WEBSOCKET}&sid=gone", "/healthz", "/readyz"):
        answer = await exchange(world.urls[0].removeprefix("http://"), http("GET", path))
        assert answer.headers | SHARED == answer.headers, path
