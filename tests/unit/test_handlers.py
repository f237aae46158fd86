"""The operations over HTTP, in process and on in-memory twins."""

import asyncio

import pytest

from tests.support.api import API, CHAT, assert_problem, bearer, created, said


async def test_a_conversation_from_start_to_end(client, adapters):
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
    assert [entry.seq for entry in adapters.announced.entries] == [1, 2, 3]


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


async def test_a_repeated_message_answers_the_first_also_after_the_end(client, adapters):
    conversation_id = (await created(client))["id"]
    first = await said(client, conversation_id, "one", clientMessageId="m1")
    assert_problem(
        await said(client, conversation_id, "two", clientMessageId="m1"), 409, "idempotency_conflict"
    )
    await client.post(f"{API}/{conversation_id}/finalize", headers=bearer())
    again = await said(client, conversation_id, "one", clientMessageId="m1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert [entry.seq for entry in adapters.announced.entries] == [1, 2]


async def test_a_send_above_the_rate_is_refused_until_the_first_is_old(client, adapters):
    conversation_id = (await created(client))["id"]
    answers = [await said(client, conversation_id, "again") for _ in range(21)]
    assert [answer.status_code for answer in answers[:20]] == [201] * 20
    assert_problem(answers[20], 429, "rate_limited")
    assert 1 <= int(answers[20].headers["retry-after"]) <= 10
    assert len(adapters.announced.entries) == 20


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
