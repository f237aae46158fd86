"""Users who are disabled, deleted or revoked: how Firebase Auth is asked, and whom that cuts off."""

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
async def test_a_revoked_token_is_refused_at_the_next_look(directory, verifiers, how):
    verifier = verifiers(0)
    token = user("alice").token
    assert await verifier.verify(token)
    getattr(directory, how)("alice")
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    assert await verifier.verify(user("bob").token)


async def test_a_token_of_after_the_revocation_is_good(directory, verifiers):
    verifier = verifiers(60)
    directory.revoke("alice", int(time.time()) - 60)
    assert await verifier.verify(user("alice").token)


async def test_a_user_is_looked_up_once_in_the_ttl_whatever_the_token(directory, verifiers):
    verifier = verifiers(60)
    for lifetime_s in range(3_600, 3_605):
        await verifier.verify(user("alice", lifetime_s).token)
    assert directory.lookups == [["alice"]]


async def test_nobody_is_looked_up_where_that_is_off(directory, verifiers):
    verifier = verifiers(None)
    principal = await verifier.verify(user("alice").token)
    directory.disable("alice")
    assert list(await verifier.revoked([principal])) == []
    assert directory.lookups == []


async def test_one_look_up_answers_however_many_ask(directory, verifiers):
    verifier = verifiers(0)
    token = user("alice").token
    await verifier.verify(token)
    directory.lookups.clear()
    directory.delay_s = 0.1
    await asyncio.gather(*(verifier.verify(token) for _ in range(600)))
    assert directory.lookups == [["alice"]]


async def test_users_who_wait_are_looked_up_together(directory, verifiers):
    verifier = verifiers(0)
    tokens = [user(f"u{n}").token for n in range(250)]
    await asyncio.gather(*map(verifier.verify, tokens))
    directory.lookups.clear()
    await asyncio.gather(*map(verifier.verify, tokens))
    assert sorted(map(len, directory.lookups)) == [50, accounts.BATCH, accounts.BATCH]


async def test_who_cannot_be_looked_up_is_not_let_in(directory, verifiers, monkeypatch):
    monkeypatch.setattr(firebase, "DEADLINE_S", 0.2)
    verifier = verifiers(0)
    directory.delay_s = 1
    with pytest.raises(Unavailable):
        await verifier.verify(user("alice").token)
    directory.delay_s, directory.broken = 0, True
    with pytest.raises(Unavailable):
        await verifier.verify(user("bob").token)
    directory.broken = False
    assert await verifier.verify(user("carol").token)


async def test_who_cannot_be_looked_up_is_not_cut_off(directory, verifiers):
    verifier = verifiers(60)
    principal = await verifier.verify(user("alice").token)
    directory.broken = True
    assert list(await verifier.revoked([principal])) == []


async def test_a_queue_of_users_has_its_bound(directory, verifiers, monkeypatch):
    monkeypatch.setattr(accounts, "MAX_WAITING", 3)
    verifier = verifiers(0)
    tokens = [user(f"u{n}").token for n in range(5)]
    for token in tokens:
        await verifier.verify(token)
    outcomes = await asyncio.gather(*map(verifier.verify, tokens), return_exceptions=True)
    assert sum(isinstance(outcome, Unavailable) for outcome in outcomes) == 2


async def test_those_looked_up_last_are_remembered(directory, verifiers, monkeypatch):
    monkeypatch.setattr(accounts, "REMEMBERED", 2)
    verifier = verifiers(60)
    for uid in ("a", "b", "c", "c", "a"):
        await verifier.verify(user(uid).token)
    assert directory.lookups == [["a"], ["b"], ["c"], ["a"]]


async def test_live_users_are_believed_for_some_seconds_at_least(directory, verifiers):
    verifier = verifiers(0)
    principal = await verifier.verify(user("alice").token)
    directory.disable("alice")
    assert list(await verifier.revoked([principal])) == []
    with pytest.raises(TokenRevoked):
        await verifier.verify(user("alice").token)
    assert list(await verifier.revoked([principal])) == [principal]


@pytest.fixture
async def live(directory, monkeypatch):
    """An instance whose users Firebase Auth knows."""
    monkeypatch.setattr(sessions, "CHECK_S", 0.1)
    monkeypatch.setattr(firebase, "LIVE_TTL_S", 0.2)
    running = Instance(verifier=FirebaseVerifier(PROJECT, revocation_ttl_s=0))
    await running.start()
    yield running
    await running.close()


@pytest.mark.parametrize("how", HOW)
async def test_a_live_socket_is_cut_off_and_told_first(directory, live, how):
    ended, other = await live.in_room(user(MEMBER).token), await live.in_room(user(OWNER).token)
    getattr(directory, how)(MEMBER)
    await asyncio.wait_for(ended.closed.wait(), 4)
    assert ended.of("auth_expired") == [{}]
    assert (await other.call("message", {"conversationId": live.room, "content": "still here"}))["ok"]
    assert ended.of("message") == []
    assert other.of("auth_expired") == []


async def test_the_socket_whose_own_renewal_is_refused_is_cut_off(directory, live, monkeypatch):
    client = await live.in_room(user(MEMBER).token)
    monkeypatch.setattr(sessions, "CHECK_S", 60)
    await asyncio.sleep(0.3)  # the pause that has begun is over
    directory.disable(MEMBER)
    assert code(await client.call("auth", {"token": user(MEMBER).token})) == "token_revoked"
    await asyncio.wait_for(client.closed.wait(), 4)
    assert client.of("auth_expired") == [{}]


async def test_a_revoked_token_of_somebody_else_cuts_nobody_off(directory, live):
    client = await live.in_room(user(MEMBER).token)
    directory.disable(OWNER)
    assert code(await client.call("auth", {"token": user(OWNER).token})) == "token_revoked"
    await asyncio.sleep(0.5)
    assert (await client.call("leave", {"conversationId": live.room}))["ok"]


async def test_whoever_has_a_token_of_after_the_revocation_stays(directory, live):
    client = await live.in_room(user(MEMBER).token)
    assert (await client.call("auth", {"token": user(MEMBER, age_s=0).token}))["ok"]
    directory.revoke(MEMBER, int(time.time()) - 5)
    await asyncio.sleep(0.6)
    assert (await client.call("leave", {"conversationId": live.room}))["ok"]
