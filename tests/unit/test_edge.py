"""The edge of the functions: tokens, bodies within their bounds, CORS, and what every response carries."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn
from unittest.mock import AsyncMock
from urllib.parse import quote

import httpx
import pytest
from starlette.requests import Request

from confab.domain.limits import Limits
from confab.http import edge
from confab.http.routes import ROUTES
from confab.log import KIND
from confab.telemetry.logs import LogTelemetry
from tests.support.api import API, CHAT, add_message, assert_problem, bearer, created
from tests.support.poller import escaped
from tests.support.telemetry import Collected


@pytest.mark.parametrize("authorization", [None, "alice", "Basic YTpi", "Bearer "])
async def test_a_request_without_a_bearer_token_is_unauthenticated(client, authorization):
    headers = {"X-Forwarded-Authorization": "Bearer alice"}  # no gateway is part of Confab: it is ignored
    headers |= {} if authorization is None else {"Authorization": authorization}
    assert_problem(await client.get(API, headers=headers), 401, "unauthenticated")
    answer = await client.post(API, content=b"not read", headers=headers)
    assert_problem(answer, 401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (API, "POST, GET"),
        (f"{API}/abc", "GET, PATCH, DELETE"),
        (f"{API}/abc/messages/1", "PATCH, DELETE"),
        (f"{API}/abc/members/bob", "PUT, DELETE"),
        (f"{API}/abc/messages", "POST"),
        (f"{API}/abc/finalize", "POST"),
    ],
)
async def test_a_path_lists_its_methods_and_allows_no_other(client, path, methods):
    method = "POST" if "PUT" in methods else "PUT"
    refused, listed = await client.request(method, path, headers=bearer()), await client.options(path)
    assert_problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == listed.headers["allow"] == f"{methods}, OPTIONS"
    assert listed.status_code == 204
    assert not any(name.startswith("access-control") for name in listed.headers)


OTHER_PATHS = f"/api/other /api / /x{API} {API}/ {API}//messages {API}/a/b {API}/a/messages/"


@pytest.mark.parametrize("path", OTHER_PATHS.split())
async def test_other_paths_are_not_found(client, path):
    assert_problem(await client.get(path, headers=bearer()), 404, "not_found")


JSON = {"Content-Type": "application/json"}


MEDIA_TYPES = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-16",
    "application/json;Charset=ISO-8859-1",
    "",
)
UNREAD = {(400, "invalid_request"), (415, "unsupported_media_type")}
ENCODINGS = ("gzip", "deflate", "br", "identity, gzip", "x")
UNSUPPORTED = [{"Content-Type": media_type} for media_type in MEDIA_TYPES]
UNSUPPORTED += [JSON | {"Content-Encoding": encoding} for encoding in ENCODINGS]


@pytest.mark.parametrize("headers", UNSUPPORTED)
async def test_a_body_is_json_without_an_encoding(client, headers):
    answer = await client.post(API, content=json.dumps(CHAT), headers=bearer(**headers))
    assert_problem(answer, 415, "unsupported_media_type")


async def test_an_encoding_is_refused_in_whichever_header_it_stands(client):
    twice = [("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    answer = await client.post(API, content=json.dumps(CHAT), headers=[*bearer(**JSON).items(), *twice])
    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "null", b"\xff", '{"type":"chat","x":NaN}'])
async def test_a_body_is_an_object(client, body):
    assert_problem(await client.post(API, content=body, headers=bearer(**JSON)), 400, "invalid_request")


async def test_a_charset_of_utf_8_is_accepted(client):
    headers = bearer(**{"Content-Type": 'application/JSON; charset="UTF-8"; x=y'})
    assert (await client.post(API, content=json.dumps(CHAT), headers=headers)).status_code == 201


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for position in range(0, len(body), 5):
        yield body[position : position + 5]


FORCE = b'{"force":true}'
PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "a body": lambda: {"content": FORCE},
    "chunks": lambda: {"content": chunks(FORCE)},
    "gzip": lambda: {"content": gzip.compress(FORCE), "headers": {"Content-Encoding": "gzip"}},
    "a query": lambda: {"params": {"force": "true"}},
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
async def test_no_part_of_a_request_is_left_unread(client, adapters, route, part):
    path = route.path.format(id=(await created(client))["id"], seq=1, userId="bob")
    how = PARTS[part]()
    headers = bearer(**JSON) | how.pop("headers", {})
    answer = await client.request(route.method, path, headers=headers, **how)
    assert (answer.status_code, answer.json()["code"]) in UNREAD
    assert adapters.announced.entries == []


async def test_a_query_is_counted_before_it_is_read(client):
    answer = await client.get(f"{API}?{'&'.join(f'q{n}=1' for n in range(5_000))}", headers=bearer())
    assert_problem(answer, 400, "invalid_request")
    assert answer.json()["errors"] == [{"path": "", "message": "a query has at most 20 fields"}]


PAGES = {
    "": ("limit", "cursor", "status"),
    "/{id}": ("limit", "after", "before"),
    "/{id}/log": ("limit", "after"),
}


@pytest.mark.parametrize("nothing", ["", "null"])
@pytest.mark.parametrize(("path", "names"), PAGES.items())
async def test_a_null_that_an_answer_gave_counts_as_left_out(client, path, names, nothing):
    made = await created(client, title=None, metadata={})
    url = API + path.format(id=made["id"])
    await add_message(client, made["id"], "x", clientMessageId=None, inReplyTo=None)
    with_nulls = await client.get(url, params=dict.fromkeys(names, nothing), headers=bearer())
    without = await client.get(url, headers=bearer())
    assert (with_nulls.status_code, with_nulls.json()) == (200, without.json())
    unknown = await client.get(url, params={"page": nothing}, headers=bearer())
    assert assert_problem(unknown, 400, "invalid_request")["errors"][0]["path"] == "page"


async def test_the_fields_of_an_answer_may_be_sent_back(client):
    def given(answer: httpx.Response, *names: str) -> dict[str, Any]:
        return {name: answer.json()[name] for name in names}

    async def ask(method: str, path: str, fields: dict[str, Any] | None = None) -> httpx.Response:
        headers = bearer(**{"X-Request-Id": "a.b"})
        answer: httpx.Response = await client.request(method, path, json=fields, headers=headers)
        assert answer.is_success, answer.text
        return answer

    first = await ask("POST", API, CHAT | {"members": [{"userId": "bob"}]})
    again = await ask("POST", API, given(first, "type", "title", "members", "metadata"))
    path = again.headers["location"]
    changed = await ask("PATCH", path, given(again, "title", "metadata", "owner"))
    assert given(changed, "seq", "members") == given(again, "seq", "members")
    names = ("content", "role", "clientMessageId", "metadata", "inReplyTo")
    message = await ask("POST", f"{path}/messages", {"content": "x"})
    copy = await ask("POST", f"{path}/messages", given(message, *names))
    assert given(copy, *names) == given(message, *names)
    (member,) = again.json()["members"]
    await ask("PUT", f"{path}/members/{member['userId']}", {"access": member["access"]})
    page = await ask("GET", f"{path}?after={copy.json()['seq']}")
    assert (page.json()["messages"], page.json()["hasMore"]) == ([], False)
    assert (
        await client.get(path, headers=bearer(**{"X-Request-Id": page.headers["x-request-id"]}))
    ).is_success


@pytest.mark.parametrize(("declared", "pieces"), [({"Content-Length": "1000000"}, 0), ({}, 65)])
async def test_a_body_is_read_up_to_the_limit_only(client, declared, pieces):
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b" " * 4_096

    answer = await client.post(API, content=body(), headers=bearer(**JSON, **declared))
    assert_problem(answer, 413, "payload_too_large")
    assert read == pieces


@pytest.mark.parametrize("letter", ["a", "я", "😀"])
async def test_what_a_limit_allows_fits_into_a_body_however_json_spells_it(client, letter):
    most, size = Limits(), len(letter.encode())
    fields = {"metadata": {"k": letter * ((most.max_metadata_bytes - 8) // size)}}
    members = [{"userId": f"{number:03}" + letter * 125} for number in range(most.max_members)]
    conversation = CHAT | fields | {"title": letter * most.max_title_chars, "members": members}
    made = await client.post(API, content=escaped(conversation), headers=bearer(**JSON))
    assert made.status_code == 201, made.text
    path, uid = f"{API}/{made.json()['id']}", quote(members[0]["userId"])
    message = fields | {"content": letter * (most.max_content_bytes // size), "clientMessageId": "k" * 128}
    sent = await client.post(f"{path}/messages", content=escaped(message), headers=bearer(**JSON))
    assert (sent.status_code, sent.json()["content"]) == (201, message["content"])
    assert (await client.delete(f"{path}/members/{uid}", headers=bearer())).status_code == 200


@pytest.mark.parametrize(("pause_s", "status"), [(0.04, 201), (0.6, 400)], ids=["slow", "stalled"])
async def test_a_body_over_a_slow_link_is_read_as_long_as_it_goes_on(client, monkeypatch, pause_s, status):
    monkeypatch.setattr(edge, "QUIET_S", 0.4)

    async def body() -> AsyncIterator[bytes]:
        async for chunk in chunks(json.dumps(CHAT | {"title": "x" * 40}).encode()):
            yield chunk
            await asyncio.sleep(pause_s)

    answer = await client.post(API, content=body(), headers=bearer(**JSON))
    assert answer.status_code == status


async def test_a_refused_request_changes_nothing(client, adapters):
    path = f"{API}/{(await created(client))['id']}"
    before = (await client.get(path, headers=bearer())).json()
    for action, fields in (("messages", {"content": "x", "extra": 1}), ("finalize", {"force": True})):
        answer = await client.post(f"{path}/{action}", json=fields, headers=bearer())
        assert_problem(answer, 400, "invalid_request")
    assert (await client.get(path, headers=bearer())).json() == before
    assert adapters.announced.entries == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc.DEF-1_2", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)],
)
async def test_a_valid_request_id_of_the_caller_is_kept(client, given, kept):
    answer = await client.get(API, headers=bearer(**{"X-Request-Id": given}))
    assert (answer.headers["x-request-id"] == given) == kept
    assert answer.headers["x-request-id"]


async def test_only_an_allowed_origin_gets_a_preflight_and_cors_headers(client):
    app, evil = {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}
    method = {"Access-Control-Request-Method": "POST"}
    preflight = await client.options(API, headers=app | method)
    response = await client.get(API, headers=bearer() | app)
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"].split(", ")
    assert {"Authorization", "X-Firebase-AppCheck", "*"} <= set(allowed)
    assert {"traceparent", "tracestate", "baggage", "sentry-trace"} <= set(allowed)
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {"Allow", "Date", "Location", "Retry-After", "WWW-Authenticate", "X-Request-Id"} == set(exposed)
    for answer in (preflight, response):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["vary"] == "Origin"
    refused = await client.options(API, headers=evil | method)
    assert evil["Origin"] in assert_problem(refused, 403, "forbidden")["detail"]
    for answer in (refused, await client.get(API, headers=bearer() | evil)):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("request_line", "fields"),
    [
        (("GET", API), ("list_conversations", None, None)),
        (("POST", API), ("create_conversation", None, "invalid_request")),
        (("GET", f"{API}/c-1"), ("get_conversation", "c-1", "not_found")),
        (("POST", f"{API}/c-1/messages"), ("add_message", "c-1", "invalid_request")),
        (("PUT", f"{API}/c-1"), (None, "c-1", "method_not_allowed")),
        (("PATCH", f"{API}/c-1/messages/x"), ("edit_message", "c-1", "invalid_request")),
        (("GET", f"{API}/no.id"), ("get_conversation", None, "not_found")),
        (("GET", "/api/other"), (None, None, "not_found")),
    ],
)
async def test_a_request_is_logged_with_its_operation_and_conversation(client, caplog, request_line, fields):
    caplog.set_level(logging.INFO, "confab")
    answer = await client.request(*request_line, headers=bearer())
    (line,) = [record for record in caplog.records if record.message == "request"]
    assert (line.operation, line.conversationId, line.code) == fields
    assert line.requestId == answer.headers["x-request-id"]


async def test_a_line_says_who_by_a_pseudonym_and_refusals_are_counted_and_sampled(client, adapters, caplog):
    caplog.set_level(logging.INFO, "confab")
    adapters.telemetry = (collected := Collected()).telemetry
    for path, headers in (
        (API, bearer("alice")),
        (f"{API}/none", bearer("alice")),
        (API, {}),
        (API, bearer("bob")),
    ):
        await client.get(path, headers=headers)
    await client.options(API)
    lines = [(each.user, vars(each)[KIND]) for each in caplog.records if each.message == "request"]
    alice, bob = map(adapters.store.pseudonym, ("alice", "bob"))
    assert lines == [
        (alice, None),
        (alice, ("get_conversation", "not_found")),
        (None, ("list_conversations", "unauthenticated")),
        (bob, None),
        (None, (None, None)),
    ]
    assert alice != bob
    assert {"alice", "bob"}.isdisjoint(str([vars(each) for each in caplog.records]).replace("'", " ").split())
    counted = collected.points("confab.refusals")
    assert [(dict(each.attributes), each.value) for each in counted] == [
        ({"confab.code": "not_found", "confab.operation": "get_conversation"}, 1),
        ({"confab.code": "unauthenticated", "confab.operation": "list_conversations"}, 1),
    ]


@pytest.mark.parametrize("part", ["operation", "telemetry"])
async def test_a_defect_is_a_problem_that_hides_its_cause(client, adapters, monkeypatch, caplog, *, part):
    def broken(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("secret table layout")

    if part == "operation":
        monkeypatch.setattr(adapters.store, "page", broken)
    else:
        adapters.telemetry = LogTelemetry()
        monkeypatch.setattr(adapters.telemetry, "span", broken)
    answer = await client.get(f"{API}/abc", headers=bearer(**{"X-Request-Id": "r1"}))
    assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "secret table layout" in caplog.text
    assert [record.requestId for record in caplog.records if record.levelname == "ERROR"] == ["r1"]


@pytest.mark.parametrize("escape", [b"%", b"%4", b"%zz", b"%%41", b"a%u0041", b"\xc3\xa4"])
async def test_a_path_that_is_not_percent_encoded_is_invalid(adapters, escape):
    headers = [(b"authorization", b"Bearer alice")]
    scope = {"type": "http", "method": "GET", "headers": headers, "query_string": b""}
    scope["raw_path"] = f"{API}/".encode() + escape
    request = Request(scope, AsyncMock(return_value={"type": "http.request", "body": b""}))
    answer = await edge.Edge(ROUTES, adapters)(request)
    problem = json.loads(bytes(answer.body))
    assert (problem["code"], problem["errors"][0]["path"]) == ("invalid_request", "id")
