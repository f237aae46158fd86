"""The whole system as clients use it: the emulators of Hosting, Functions and Auth, and both instances."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from socketio.exceptions import ConnectionError as Refused

from tests.support.api import API, add_message, created
from tests.support.auth_emulator import AuthEmulator, User, expired
from tests.support.clients import Client
from tests.support.conformance import rest_document
from tests.support.stack import Stack

DOCUMENT = rest_document()


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client to whom every response is as documented."""

    async def check(answer: httpx.Response) -> None:
        await answer.aread()
        DOCUMENT.check(answer, closed=False)  # the emulators add headers

    hooks = {"response": [check]}
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, event_hooks=hooks) as client:
        yield client


@pytest.fixture
def auth(stack: Stack) -> AuthEmulator:
    return AuthEmulator(stack.auth)


@pytest.fixture
async def connect(stack: Stack) -> AsyncIterator:
    clients = []

    async def connect(user: User, instance: int, room: str | None = None) -> Client:
        handshake = {"token": user.token} | ({"conversationId": room} if room else {})
        client = Client()
        clients.append(client)
        with suppress(Refused):
            await client.connect(stack.realtime[instance], handshake)
        if room and client.refusal is None:
            await client.until(lambda c: bool(c.of("joined")))
        return client

    yield connect
    for client in clients:
        await client.close()


async def room_of(http: httpx.AsyncClient, owner: User, *members: User) -> str:
    listed = [{"userId": member.uid} for member in members]
    return str((await created(http, user=owner.token, members=listed))["id"])


async def test_all_five_operations_through_hosting(http, auth):
    alice, bot = await auth.user(), await auth.user(agent=True)
    room = await room_of(http, alice, bot)
    first, again = [
        await add_message(http, room, "hello", alice.token, clientMessageId="m1") for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (await add_message(http, room, "hi", bot.token, role="assistant")).status_code == 201
    page = (await http.get(f"{API}/{room}", headers=bot.headers)).json()
    assert [(m["seq"], m["author"], m["role"], m["content"]) for m in page["messages"]] == [
        (1, alice.uid, "user", "hello"),
        (2, bot.uid, "assistant", "hi"),
    ]
    newer = (await http.get(f"{API}/{room}", params={"after": 1, "limit": 1}, headers=bot.headers)).json()
    assert newer["messages"] == page["messages"][1:]
    done = await http.post(f"{API}/{room}/finalize", headers=alice.headers)
    assert (done.status_code, done.json()["status"], done.json()["seq"]) == (200, "finalized", 3)
    for status, listed in (("active", []), ("finalized", [room])):
        page = (await http.get(API, params={"status": status}, headers=alice.headers)).json()
        assert [each["id"] for each in page["conversations"]] == listed


async def test_errors_through_hosting(http, auth, connect):
    """Those that a server, Hosting or Firebase Auth has a part in; tests/contract causes all in memory."""
    alice, rita = await auth.user(), await auth.user()
    room = await room_of(http, alice)
    path = f"{API}/{room}"
    assert (await http.get(API, headers=rita.headers)).status_code == 200
    await auth.revoke(rita)
    answers = {
        "unauthenticated": await http.get(path),
        "token_expired": await http.get(path, headers=expired(alice).headers),
        "token_revoked": await http.get(API, headers=rita.headers),
        "invalid_request": await http.post(API, json={"type": "x"}, headers=alice.headers),
        "unsupported_media_type": await http.post(API, content="{}", headers=alice.headers),
        "not_found": await http.get("/api/nothing", headers=alice.headers),
        "method_not_allowed": await http.put(path, headers=alice.headers),
        "payload_too_large": await add_message(http, room, "x", alice.token, metadata={"a": "b" * 270_000}),
    }
    for code, answer in answers.items():
        assert answer.json()["code"] == code
    client = await connect(expired(alice), 0)
    assert client.refusal["data"]["code"] == "token_expired"


async def test_two_clients_on_two_instances(http, auth, connect):
    alice, bob = await auth.user(), await auth.user()
    room = await room_of(http, alice, bob)
    left, right = await connect(alice, 0, room), await connect(bob, 1, room)

    typing = {"conversationId": room, "typing": True}
    assert await left.call("typing", typing) == {"ok": True}
    await right.until(lambda c: c.of("typing") == [typing | {"userId": alice.uid}])

    acks, answers = await asyncio.gather(
        asyncio.gather(
            *(left.call("message", {"conversationId": room, "content": f"left {n}"}) for n in range(35)),
            *(right.call("message", {"conversationId": room, "content": f"right {n}"}) for n in range(35)),
        ),
        asyncio.gather(*(add_message(http, room, f"rest {n}", alice.token) for n in range(30))),
    )
    assert all(ack["ok"] for ack in acks)
    assert [answer.status_code for answer in answers] == [201] * 30
    await http.post(f"{API}/{room}/finalize", headers=alice.headers)
    for client in (left, right):
        await client.until(lambda c: len(c.seqs()) >= 101)
        assert client.seqs() == list(range(1, 102))
        assert [f["seq"] for f in client.of("finalized")] == [101]
    assert left.of("message") == right.of("message")
    stored = await http.get(f"{API}/{room}", params={"after": 0, "limit": 200}, headers=bob.headers)
    assert stored.json()["messages"] == left.of("message")
    await right.until(lambda c: c.of("typing")[-1]["typing"] is False)
    assert left.of("typing") == []
