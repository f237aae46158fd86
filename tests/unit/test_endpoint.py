"""The edge of the functions, in process and on in-memory twins."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route as StarletteRoute

from confab.domain.errors import Unavailable
from confab.operations import (
    add_message,
    create_conversation,
    finalize_conversation,
    get_conversation,
    list_conversations,
)
from confab.operations.endpoint import Endpoint
from confab.operations.routes import ROUTES
from tests.support.ports import MemoryPorts

OPERATIONS = {
    "create_conversation": create_conversation.handle,
    "list_conversations": list_conversations.handle,
    "get_conversation": get_conversation.handle,
    "add_message": add_message.handle,
    "finalize_conversation": finalize_conversation.handle,
}
API = "/api/conversations"
CHAT = {"type": "chat"}


@pytest.fixture
def ports():
    return MemoryPorts(CONFAB_ALLOWED_ORIGINS="https://app.example")


@pytest.fixture
async def client(ports) -> AsyncIterator[httpx.AsyncClient]:
    endpoint = Endpoint({route: OPERATIONS[route.operation] for route in ROUTES}, ports)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
    app = Starlette(routes=[StarletteRoute("/{path:path}", endpoint.__call__, methods=methods)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://confab") as client:
        yield client


def bearer(user: str = "alice", **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {user}", **headers}


async def created(client, **fields: object):
    answer = await client.post(API, json=CHAT | fields, headers=bearer())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def said(client, conversation_id: str, content: str, user: str = "alice", **fields: object):
    return await client.post(
        f"{API}/{conversation_id}/messages", json={"content": content, **fields}, headers=bearer(user)
    )


def assert_problem(answer, status: int, code: str):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["requestId"] == answer.headers["x-request-id"]
    return body


async def test_a_conversation_from_start_to_end(client, ports):
    conversation = await created(client, title="First", members=[{"userId": "bob", "access": "write"}])
    path = f"{API}/{conversation['id']}"
    first = await said(client, conversation["id"], "hello")
    assert (first.status_code, first.json()["seq"], first.json()["author"]) == (201, 1, "alice")
    assert (await said(client, conversation["id"], "hi", "bob")).json()["seq"] == 2

    page = (await client.get(path, headers=bearer("bob"))).json()
    assert [m["content"] for m in page["messages"]] == ["hello", "hi"]
    assert (page["conversation"]["seq"], page["hasMore"]) == (2, False)

    done = await client.post(f"{path}/finalize", headers=bearer())
    again = await client.post(f"{path}/finalize", headers=bearer())
    assert (done.status_code, again.status_code) == (200, 200)
    assert done.json() == again.json()
    assert (done.json()["status"], done.json()["seq"]) == ("finalized", 3)
    assert_problem(await said(client, conversation["id"], "late"), 409, "conversation_finalized")
    assert [entry.seq for entry in ports.announced.entries] == [1, 2, 3]


async def test_a_new_conversation_has_the_contracts_form(client):
    answer = await client.post(API, json={"type": "support", "metadata": {"a": None}}, headers=bearer())
    body = answer.json()
    assert answer.headers["location"] == f"{API}/{body['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert body["createdAt"].endswith("Z")
    assert len(body["createdAt"]) == len("2026-01-02T03:04:05.678Z")
    assert body.pop("realtimeUrl") in ("http://127.0.0.1:8081", "http://127.0.0.1:8082")
    assert body == {
        "id": body["id"],
        "type": "support",
        "title": None,
        "owner": "alice",
        "members": [],
        "status": "active",
        "seq": 0,
        "metadata": {"a": None},
        "createdAt": body["createdAt"],
        "updatedAt": body["createdAt"],
        "finalizedAt": None,
    }


async def test_a_repeated_create_answers_the_first(client):
    keyed = bearer(**{"Idempotency-Key": "k1"})
    first = await client.post(API, json=CHAT, headers=keyed)
    second = await client.post(API, json=CHAT, headers=keyed)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    other = await client.post(API, json={"type": "support"}, headers=keyed)
    assert_problem(other, 409, "idempotency_conflict")
    elses = await client.post(API, json=CHAT, headers=bearer("bob", **{"Idempotency-Key": "k1"}))
    assert elses.status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 129, "k\u00e4".encode()])
async def test_a_bad_idempotency_key_is_named(client, key):
    answer = await client.post(
        API, json=CHAT, headers={"Authorization": "Bearer alice", "Idempotency-Key": key}
    )
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["path"] == "Idempotency-Key"


async def test_a_repeated_message_answers_the_first_also_after_the_end(client, ports):
    conversation_id = (await created(client))["id"]
    first = await said(client, conversation_id, "one", clientMessageId="m1")
    assert_problem(
        await said(client, conversation_id, "two", clientMessageId="m1"), 409, "idempotency_conflict"
    )
    await client.post(f"{API}/{conversation_id}/finalize", headers=bearer())
    again = await said(client, conversation_id, "one", clientMessageId="m1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert [entry.seq for entry in ports.announced.entries] == [1, 2]


@pytest.mark.parametrize(
    ("query", "seqs", "more"),
    [
        ("", [3, 4, 5, 6, 7], True),
        ("&after=0", [1, 2, 3, 4, 5], True),
        ("&after=2", [3, 4, 5, 6, 7], False),
        ("&after=7", [], False),
        ("&after=8", [], False),
        ("&before=3", [1, 2], False),
        ("&before=7", [2, 3, 4, 5, 6], True),
        ("&before=1", [], False),
        ("&before=99", [3, 4, 5, 6, 7], True),
    ],
)
async def test_pages_of_a_finalized_log(client, query, seqs, more):
    conversation_id = (await created(client))["id"]
    for number in range(7):
        await said(client, conversation_id, f"m{number}")
    await client.post(f"{API}/{conversation_id}/finalize", headers=bearer())
    page = (await client.get(f"{API}/{conversation_id}?limit=5{query}", headers=bearer())).json()
    assert ([m["seq"] for m in page["messages"]], page["hasMore"]) == (seqs, more)


async def test_after_beyond_the_head_is_refused(client):
    conversation_id = (await created(client))["id"]
    answer = await client.get(f"{API}/{conversation_id}?after=1", headers=bearer())
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["path"] == "after"


async def test_a_list_is_paged_by_cursor(client):
    ids = [(await created(client))["id"] for _ in range(5)]
    await asyncio.sleep(0.005)
    await said(client, ids[0], "newest activity")
    listed, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        body = (await client.get(API, params=query, headers=bearer())).json()
        listed += [c["id"] for c in body["conversations"]]
        if (cursor := body["nextCursor"]) is None:
            break
    assert listed[0] == ids[0]
    assert sorted(listed) == sorted(ids)


@pytest.mark.parametrize("cursor", ["!", "AAAA", "é", "eA", "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5OTkuYQ"])
async def test_a_cursor_nobody_gave_is_refused(client, cursor):
    answer = await client.get(API, params={"cursor": cursor}, headers=bearer())
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["path"] == "cursor"


async def test_a_parameter_given_twice_is_refused(client):
    answer = await client.get(f"{API}?limit=1&limit=2", headers=bearer())
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["path"] == "limit"


async def test_a_stranger_gets_the_answer_of_an_absent_conversation(client):
    conversation_id = (await created(client))["id"]
    details = set()
    for path in (conversation_id, "absent", "a" * 65, "%00", "..%2f"):
        answers = [
            await client.get(f"{API}/{path}", headers=bearer("eve")),
            await client.post(f"{API}/{path}/messages", json={"content": "x"}, headers=bearer("eve")),
            await client.post(f"{API}/{path}/finalize", headers=bearer("eve")),
        ]
        details |= {assert_problem(answer, 404, "not_found")["detail"] for answer in answers}
    assert "There is no such conversation." in details


async def test_a_member_may_not_do_the_owners_things(client):
    members = [{"userId": "bob"}, {"userId": "rita", "access": "read"}, {"userId": "bot1"}]
    conversation_id = (await created(client, members=members))["id"]
    for answer in (
        await said(client, conversation_id, "x", "bob", role="system"),
        await said(client, conversation_id, "x", "rita"),
        await client.post(f"{API}/{conversation_id}/finalize", headers=bearer("bob")),
    ):
        assert_problem(answer, 403, "forbidden")
    assert (await said(client, conversation_id, "x", "bot1", role="assistant")).status_code == 201


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"Authorization": "alice"}, 401, "unauthenticated"),
        ({"Authorization": "Basic YTpi"}, 401, "unauthenticated"),
        ({"Authorization": "Bearer "}, 401, "unauthenticated"),
        ({"Authorization": "Bearer forged"}, 401, "unauthenticated"),
        ({"Authorization": "Bearer expired"}, 401, "token_expired"),
        ({"Authorization": "Bearer revoked"}, 401, "token_revoked"),
        ({"Authorization": "Bearer unchecked"}, 503, "unavailable"),
    ],
)
async def test_callers_are_verified(client, headers, status, code):
    answer = await client.get(API, headers=headers)
    assert_problem(answer, status, code)
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", API, "POST, GET, OPTIONS"),
        ("PUT", f"{API}/abc", "GET, OPTIONS"),
        ("GET", f"{API}/abc/messages", "POST, OPTIONS"),
        ("GET", f"{API}/abc/finalize", "POST, OPTIONS"),
    ],
)
async def test_other_methods_are_not_allowed(client, method, path, allow):
    answer = await client.request(method, path, headers=bearer())
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/api/other", "/api", "/", "/api/conversations/", "/api/conversations/a/b"])
async def test_other_paths_are_not_found(client, path):
    assert_problem(await client.get(path, headers=bearer()), 404, "not_found")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]
)
async def test_only_json_is_taken(client, media_type):
    answer = await client.post(API, content=json.dumps(CHAT), headers=bearer(**{"Content-Type": media_type}))
    assert_problem(answer, 415, "unsupported_media_type")


async def test_a_charset_of_utf_8_is_taken(client):
    headers = bearer(**{"Content-Type": 'application/JSON; charset="UTF-8"'})
    assert (await client.post(API, content=json.dumps(CHAT), headers=headers)).status_code == 201


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "null", b"\xff", '{"type":"chat","x":NaN}'])
async def test_a_body_is_a_json_object(client, body):
    answer = await client.post(API, content=body, headers=bearer(**{"Content-Type": "application/json"}))
    assert_problem(answer, 400, "invalid_request")


async def test_a_declared_body_over_the_limit_is_not_read(client):
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b" " * 1_000

    headers = bearer(**{"Content-Type": "application/json", "Content-Length": "1000000"})
    answer = await client.post(API, content=body(), headers=headers)
    assert_problem(answer, 413, "payload_too_large")


async def test_a_streamed_body_is_read_up_to_the_limit_only(client):
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 4_096

    headers = bearer(**{"Content-Type": "application/json"})
    endless = client.build_request("POST", API, content=body(), headers=headers)
    answer = await client.send(endless)
    assert_problem(answer, 413, "payload_too_large")


async def test_finalizing_takes_no_fields(client):
    conversation_id = (await created(client))["id"]
    path = f"{API}/{conversation_id}/finalize"
    assert_problem(await client.post(path, json={"force": True}, headers=bearer()), 400, "invalid_request")
    assert (await client.post(path, json={}, headers=bearer())).status_code == 200


async def test_a_refused_request_changes_nothing(client, ports):
    conversation_id = (await created(client))["id"]
    before = (await client.get(f"{API}/{conversation_id}", headers=bearer())).json()
    for fields in ({"content": ""}, {"content": "x", "role": "x"}, {"content": "x", "extra": 1}):
        answer = await client.post(f"{API}/{conversation_id}/messages", json=fields, headers=bearer())
        assert_problem(answer, 400, "invalid_request")
    assert (await client.get(f"{API}/{conversation_id}", headers=bearer())).json() == before
    assert ports.announced.entries == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc.DEF-1_2", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)],
)
async def test_a_request_id_is_the_callers_if_it_is_fit(client, given, kept):
    answer = await client.get(API, headers=bearer(**{"X-Request-Id": given}))
    assert (answer.headers["x-request-id"] == given) == kept
    assert answer.headers["x-request-id"]


async def test_an_allowed_origin_gets_its_preflight_and_its_answers(client):
    origin = {"Origin": "https://app.example"}
    asked = origin | {"Access-Control-Request-Method": "POST"}
    preflight = await client.options(API, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    answer = await client.get(API, headers=bearer() | origin)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["vary"] == "Origin"


async def test_another_origin_gets_neither(client):
    origin = {"Origin": "https://evil.example"}
    refused = await client.options(API, headers=origin | {"Access-Control-Request-Method": "POST"})
    assert_problem(refused, 403, "forbidden")
    for answer in (refused, await client.get(API, headers=bearer() | origin)):
        assert "access-control-allow-origin" not in answer.headers


async def test_a_store_that_is_away_is_unavailable(client, ports, monkeypatch):
    async def away(*_: object) -> None:
        raise Unavailable("The store does not answer.")

    monkeypatch.setattr(ports.store, "newest", away)
    answer = await client.get(f"{API}/abc", headers=bearer())
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_defect_is_told_without_its_cause(client, ports, monkeypatch, caplog):
    async def broken(*_: object) -> None:
        raise RuntimeError("secret table layout")

    monkeypatch.setattr(ports.store, "newest", broken)
    answer = await client.get(f"{API}/abc", headers=bearer())
    assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "secret table layout" in caplog.text


async def test_options_without_an_origin_tells_the_methods_only(client):
    answer = await client.options(API)
    assert (answer.status_code, answer.headers["allow"]) == (204, "POST, GET, OPTIONS")
    assert not any(name.startswith("access-control") for name in answer.headers)
