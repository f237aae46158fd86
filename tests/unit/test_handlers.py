"""The operations over HTTP, in process and on in-memory twins."""

import pytest

from tests.support.adapters import MemoryAdapters
from tests.support.api import API, CHAT, add_message, api_client, assert_problem, bearer, created


async def test_a_new_conversation_has_the_contracts_fields(client):
    answer = await client.post(API, json={"type": "support", "metadata": {"a": None}}, headers=bearer())
    body = answer.json()
    assert answer.headers["location"] == f"{API}/{body['id']}"
    assert body.pop("realtimeUrl") in ("http://127.0.0.1:8081", "http://127.0.0.1:8082")
    assert body == {
        "id": body["id"],
        "type": "support",
        "title": None,
        "owner": "alice",
        "members": [],
        "status": "active",
        "seq": 0,
        "messageCount": 0,
        "erasures": 0,
        "metadata": {"a": None},
        "createdAt": body["createdAt"],
        "updatedAt": body["createdAt"],
        "finalizedAt": None,
    }


BAD_CURSORS = ("!", "AAAA", "é", "eA", "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5OTkuYQ")


@pytest.mark.parametrize(
    ("request_line", "headers", "path"),
    [
        *((("POST", ""), {"Idempotency-Key": key}, "Idempotency-Key") for key in ("", "k" * 129, b"k\xe4")),
        *((("GET", f"?cursor={cursor}"), {}, "cursor") for cursor in BAD_CURSORS),
        (("GET", "?limit=1&limit=2"), {}, "limit"),
        (("GET", "/{id}?after=1"), {}, "after"),
    ],
)
async def test_a_bad_parameter_is_named(client, request_line, headers, path):
    method, target = request_line
    target = API + target.format(id=(await created(client))["id"])
    body = CHAT if method == "POST" else None
    answer = await client.request(method, target, json=body, headers=bearer() | headers)
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["path"] == path


async def test_a_stranger_gets_the_response_of_an_absent_conversation(client):
    conversation_id = (await created(client))["id"]
    for path in (conversation_id, "absent", "a" * 65):
        for answer in (
            await client.get(f"{API}/{path}", headers=bearer("eve")),
            await client.post(f"{API}/{path}/messages", json={"content": "x"}, headers=bearer("eve")),
            await client.post(f"{API}/{path}/finalize", headers=bearer("eve")),
        ):
            detail = assert_problem(answer, 404, "not_found")["detail"]
            assert detail == "There is no such conversation."


async def test_the_answers_of_changes(client, adapters):
    adapters.users.signed_in_at = adapters.clock()
    room = f"{API}/{(await created(client, members=[{'userId': 'bob'}]))['id']}"
    uid, encoded = "a b+é%", "a%20b%2B%C3%A9%25"
    await client.post(f"{room}/messages", json={"content": "x"}, headers=bearer("bob"))

    async def ask(user, method, path, body=None):
        answer = await client.request(method, room + path, json=body, headers=bearer(user))
        assert answer.is_success, answer.text
        return answer.status_code, answer.json() if answer.content else None

    assert (await ask("alice", "PUT", f"/members/{encoded}", {"access": "read"}))[1]["members"] == [
        {"userId": "bob", "access": "write"},
        {"userId": uid, "access": "read"},
    ]
    assert (await ask("alice", "PATCH", "", {"title": "t", "metadata": {"a": 1}}))[1]["title"] == "t"
    assert (await ask("bob", "PATCH", "/messages/1", {"metadata": {"a": 1}}))[1]["version"] == 4
    for _ in range(2):
        assert (await ask("alice", "DELETE", "/messages/1"))[1]["version"] == 5
    assert await ask("bob", "DELETE", "/members/bob") == (204, None)
    assert (await ask("alice", "DELETE", f"/members/{encoded}"))[1]["members"] == []
    status, log = await ask("alice", "GET", "/log?after=1&limit=4")
    assert (status, [entry["seq"] for entry in log["entries"]], log["hasMore"]) == (200, [2, 3, 4, 5], True)
    assert await ask("alice", "DELETE", "") == (204, None)
    assert_problem(await client.delete(room, headers=bearer()), 404, "not_found")
    erased = await client.delete("/api/me", headers=bearer("bob"))
    assert (erased.status_code, erased.json()) == (202, {"conversations": 0, "messages": 0, "done": True})


@pytest.mark.parametrize(
    "uid", ["a%2Fb", "a%00", "agent%3Ax", "agent:x", "x" * 129, "%C2%9F", "%FF", "%ED%A0%80"]
)
@pytest.mark.parametrize(("method", "body"), [("PUT", {"access": "read"}), ("DELETE", None)])
async def test_a_path_that_names_no_user_is_invalid(client, uid, method, body):
    path = f"{API}/{(await created(client))['id']}/members/{uid}"
    answer = await client.request(method, path, json=body, headers=bearer())
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["path"] == "userId"


@pytest.mark.parametrize(
    ("user", "role", "code"),
    [
        ("alice", "assistant", "forbidden"),
        ("alice", "system", "forbidden"),
        ("alice", "user", None),
        ("botty", "assistant", None),
        ("bob", "assistant", "forbidden"),
        ("rita", "assistant", "forbidden"),
        ("eve", "assistant", "not_found"),
    ],
)
async def test_roles_of_agents_may_be_theirs_alone(user, role, code):
    async with api_client(MemoryAdapters(CONFAB_AGENT_ROLES_ONLY="true")) as client:
        members = [{"userId": "bob"}, {"userId": "botty"}, {"userId": "rita", "access": "read"}]
        room = (await created(client, members=members))["id"]
        answer = await add_message(client, room, "x", user, role=role)
    assert answer.json().get("code") == code
