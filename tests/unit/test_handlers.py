"""The operations over HTTP, in process and on in-memory twins."""

import pytest

from tests.support.api import API, CHAT, add_message, assert_problem, bearer, created


async def test_a_conversation_from_start_to_end(client, adapters):
    conversation = await created(client, title="First", members=[{"userId": "bob", "access": "write"}])
    path = f"{API}/{conversation['id']}"
    first = await add_message(client, conversation["id"], "hello")
    assert (first.status_code, first.json()["seq"], first.json()["author"]) == (201, 1, "alice")
    assert (await add_message(client, conversation["id"], "hi", "bob")).json()["seq"] == 2

    page = (await client.get(path, headers=bearer("bob"))).json()
    assert [m["content"] for m in page["messages"]] == ["hello", "hi"]
    assert (page["conversation"]["seq"], page["hasMore"]) == (2, False)

    done = await client.post(f"{path}/finalize", headers=bearer())
    again = await client.post(f"{path}/finalize", headers=bearer())
    assert (done.status_code, again.status_code) == (200, 200)
    assert done.json() == again.json()
    assert (done.json()["status"], done.json()["seq"]) == ("finalized", 3)
    assert_problem(await add_message(client, conversation["id"], "late"), 409, "conversation_finalized")
    assert [entry.seq for entry in adapters.announced.entries] == [1, 2, 3]


async def test_a_new_conversation_has_the_contracts_fields(client):
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


async def test_a_repeated_create_returns_the_first_conversation(client):
    keyed = bearer(**{"Idempotency-Key": "k1"})
    first = await client.post(API, json=CHAT, headers=keyed)
    second = await client.post(API, json=CHAT, headers=keyed)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    other = await client.post(API, json={"type": "support"}, headers=keyed)
    assert_problem(other, 409, "idempotency_conflict")
    elses = await client.post(API, json=CHAT, headers=bearer("bob", **{"Idempotency-Key": "k1"}))
    assert elses.status_code == 201


async def test_a_repeated_message_returns_the_first_also_after_the_finalization(client, adapters):
    conversation_id = (await created(client))["id"]
    first = await add_message(client, conversation_id, "one", clientMessageId="m1")
    assert_problem(
        await add_message(client, conversation_id, "two", clientMessageId="m1"), 409, "idempotency_conflict"
    )
    await client.post(f"{API}/{conversation_id}/finalize", headers=bearer())
    again = await add_message(client, conversation_id, "one", clientMessageId="m1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert [entry.seq for entry in adapters.announced.entries] == [1, 2]


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
    details = set()
    for path in (conversation_id, "absent", "a" * 65, "%00", "..%2f"):
        answers = [
            await client.get(f"{API}/{path}", headers=bearer("eve")),
            await client.post(f"{API}/{path}/messages", json={"content": "x"}, headers=bearer("eve")),
            await client.post(f"{API}/{path}/finalize", headers=bearer("eve")),
        ]
        details |= {assert_problem(answer, 404, "not_found")["detail"] for answer in answers}
    assert "There is no such conversation." in details


async def test_members_are_held_to_their_access(client):
    members = [{"userId": "bob"}, {"userId": "rita", "access": "read"}, {"userId": "bot1"}]
    conversation_id = (await created(client, members=members))["id"]
    for answer in (
        await add_message(client, conversation_id, "x", "bob", role="system"),
        await add_message(client, conversation_id, "x", "rita"),
        await client.post(f"{API}/{conversation_id}/finalize", headers=bearer("bob")),
    ):
        assert_problem(answer, 403, "forbidden")
    assert (await add_message(client, conversation_id, "x", "bot1", role="assistant")).status_code == 201
