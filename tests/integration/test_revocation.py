"""Users who are disabled, deleted or revoked: look-ups in Firebase Auth, and the sockets that they close."""

import asyncio
import time

import pytest

from confab.auth import accounts, firebase
from confab.auth.firebase import FirebaseVerifier
from confab.domain.errors import TokenRevoked, Unavailable
from confab.realtime import sessions
from tests.support.clients import code
from tests.support.directory import Directory
from tests.support.instance import MEMBER, OWNER, Instance
from tests.support.users import PROJECT, user

HOW = ["disable", "delete", "revoke"]


@pytest.fixture
def directory(monkeypatch):
    with Directory().running() as directory:
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", directory.host)
        yield directory


@pytest.fixture
async def verifiers():
    made: list[FirebaseVerifier] = []

    def make(ttl_s: int | None) -> FirebaseVerifier:
        made.append(FirebaseVerifier(PROJECT, revocation_ttl_s=ttl_s))
        return made[-1]

    yield make
    for verifier in made:
        await verifier.close()


@pytest.mark.parametrize("how", HOW)
async def test_a_revoked_token_is_refused_at_the_next_look_up(directory, verifiers, how):
    verifier = verifiers(0)
    token = user("alice").token
    assert await verifier.verify(token)
    getattr(directory, how)("alice")
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    assert await verifier.verify(user("bob").token)


async def test_a_token_issued_after_the_revocation_is_valid(directory, verifiers):
    verifier = verifiers(60)
    directory.revoke("alice", int(time.time()) - 60)
    assert await verifier.verify(user("alice").token)


async def test_a_user_is_looked_up_once_in_the_ttl_whatever_the_token(directory, verifiers):
    verifier = verifiers(60)
    for lifetime_s in range(3_600, 3_605):
        await verifier.verify(user("alice", lifetime_s).token)
    assert directory.lookups == [["alice"]]


async def test_nobody_is_looked_up_if_revocation_is_off(directory, verifiers):
    verifier = verifiers(None)
    principal = await verifier.verify(user("alice").token)
    directory.disable("alice")
    assert list(await verifier.revoked([principal])) == []
    assert directory.lookups == []


@pytest.mark.parametrize(
    ("users", "sizes"),
    [(["alice"] * 600, [1]), ([f"u{n}" for n in range(250)], [50, accounts.BATCH, accounts.BATCH])],
)
async def test_users_are_looked_up_in_batches_and_each_once(directory, verifiers, users, sizes):
    verifier = verifiers(0)
    tokens = {uid: user(uid).token for uid in users}
    await asyncio.gather(*map(verifier.verify, tokens.values()))
    directory.lookups.clear()
    directory.delay_s = 0.1
    await asyncio.gather(*(verifier.verify(tokens[uid]) for uid in users))
    assert sorted(map(len, directory.lookups)) == sizes


async def test_a_failed_look_up_admits_nobody_and_closes_no_socket(directory, verifiers, monkeypatch):
    monkeypatch.setattr(firebase, "DEADLINE_S", 0.2)
    monkeypatch.setattr(firebase, "LIVE_TTL_S", 0)
    verifier = verifiers(0)
    principal = await verifier.verify(user("alice").token)
    directory.delay_s = 1
    with pytest.raises(Unavailable):
        await verifier.verify(user("alice").token)
    directory.delay_s, directory.broken = 0, True
    with pytest.raises(Unavailable):
        await verifier.verify(user("bob").token)
    assert list(await verifier.revoked([principal])) == []
    directory.broken = False
    assert await verifier.verify(user("carol").token)


async def test_a_full_queue_is_unavailable(directory, verifiers, monkeypatch):
    monkeypatch.setattr(accounts, "MAX_WAITING", 3)
    verifier = verifiers(0)
    tokens = [user(f"u{n}").token for n in range(5)]
    for token in tokens:
        await verifier.verify(token)
    results = await asyncio.gather(*map(verifier.verify, tokens), return_exceptions=True)
    assert sum(isinstance(result, Unavailable) for result in results) == 2


async def test_the_latest_look_ups_are_cached(directory, verifiers, monkeypatch):
    monkeypatch.setattr(accounts, "REMEMBERED", 2)
    verifier = verifiers(60)
    for uid in ("a", "b", "c", "c", "a"):
        await verifier.verify(user(uid).token)
    assert directory.lookups == [["a"], ["b"], ["c"], ["a"]]


async def test_users_of_live_sockets_are_looked_up_every_few_seconds_at_most(directory, verifiers):
    verifier = verifiers(0)
    principal = await verifier.verify(user("alice").token)
    directory.disable("alice")
    assert list(await verifier.revoked([principal])) == []
    with pytest.raises(TokenRevoked):
        await verifier.verify(user("alice").token)
    assert list(await verifier.revoked([principal])) == [principal]


@pytest.fixture
async def live(directory, monkeypatch):
    """An instance that looks its users up in Firebase Auth."""
    monkeypatch.setattr(sessions, "CHECK_S", 0.1)
    monkeypatch.setattr(firebase, "LIVE_TTL_S", 0.2)
    running = Instance(verifier=FirebaseVerifier(PROJECT, revocation_ttl_s=0))
    await running.start()
    yield running
    await running.close()


@pytest.mark.parametrize("how", HOW)
async def test_the_live_socket_of_a_revoked_user_is_notified_and_closed(directory, live, how):
    ended, other = await live.in_room(user(MEMBER).token), await live.in_room(user(OWNER).token)
    getattr(directory, how)(MEMBER)
    await asyncio.wait_for(ended.closed.wait(), 4)
    assert ended.of("auth_expired") == [{}]
    assert (await other.call("message", {"conversationId": live.room, "content": "still here"}))["ok"]
    assert ended.of("message") == []
    assert other.of("auth_expired") == []


async def test_a_socket_whose_own_renewal_is_refused_is_closed(directory, live, monkeypatch):
    client = await live.in_room(user(MEMBER).token)
    monkeypatch.setattr(sessions, "CHECK_S", 60)
    await asyncio.sleep(0.3)  # the pause that has begun is over
    directory.disable(MEMBER)
    assert code(await client.call("auth", {"token": user(MEMBER).token})) == "token_revoked"
    await asyncio.wait_for(client.closed.wait(), 4)
    assert client.of("auth_expired") == [{}]


async def test_a_socket_survives_another_users_revoked_token_and_the_revocation_of_older_ones(
    directory, live
):
    client = await live.in_room(user(MEMBER).token)
    directory.disable(OWNER)
    assert code(await client.call("auth", {"token": user(OWNER).token})) == "token_revoked"
    assert (await client.call("auth", {"token": user(MEMBER, age_s=0).token}))["ok"]
    directory.revoke(MEMBER, int(time.time()) - 5)
    await asyncio.sleep(0.6)  # several checks
    assert (await client.call("leave", {"conversationId": live.room}))["ok"]
