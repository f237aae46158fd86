"""Users who are disabled, deleted or revoked: look-ups in Firebase Auth, and the sockets that they close."""

import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest

from confab.auth import accounts, calls, firebase
from confab.auth.firebase import FirebaseVerifier
from confab.domain.errors import TokenRevoked, Unavailable
from confab.realtime import sessions
from tests.support.clients import code
from tests.support.google import Google
from tests.support.users import PROJECT, user
from tests.support.world import World

HOW = {
    "disabled": {"disabled": True},
    "deleted": None,
    "signed out everywhere": {"validSince": str(int(time.time()) + 3600)},
}
"""What ends a user: the record that Firebase Auth has then."""


@pytest.fixture
def google(monkeypatch):
    with Google().serving() as google:
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", google.address)
        yield google


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
async def test_a_revoked_token_is_refused_at_the_next_look_up(google, verifiers, how):
    verifier = verifiers(0)
    token = user("alice").token
    assert await verifier.verify(token)
    google.changed["alice"] = HOW[how]
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    assert await verifier.verify(user("bob").token)


AGENT = {"customAttributes": '{"agent": true}'}
NO_AGENT = {"customAttributes": '{"agent": false}'}


@pytest.mark.parametrize(
    "case",
    [
        ("password", [AGENT, AGENT], True),
        ("password", [AGENT, {}], False),
        ("password", [AGENT, NO_AGENT], False),
        (None, [AGENT, {}], False),
        ("custom", [{}, {}], True),  # the custom token's own claim, which the account never has
        ("custom", [{}, NO_AGENT], False),
        ("custom", [AGENT, {}], False),
        ("custom", [AGENT, {}, {}], False),
    ],
)
async def test_an_agent_claim_that_is_gone_counts_as_revoked(google, verifiers, monkeypatch, case):
    by, records, good = case
    monkeypatch.setattr(firebase, "LIVE_TTL_S", 0)
    verifier = verifiers(0)
    token = user("bot", agent=True, firebase={"sign_in_provider": by}).token
    for google.changed["bot"] in records[:-1]:
        with suppress(TokenRevoked):
            bot = await verifier.verify(token)
    google.changed["bot"] = records[-1]
    assert list(await verifier.revoked([bot])) == ([] if good else [bot])
    assert await verifier.verify(user("bot", firebase={"sign_in_provider": by}).token)  # as somebody
    if by == "custom" and records[-1] == {}:  # a claim that was signed since is the custom token's own
        assert await verifier.verify(
            user("bot", age_s=-2, agent=True, firebase={"sign_in_provider": by}).token
        )


async def test_an_agent_claim_that_the_account_never_had_is_nobody_s(google, verifiers):
    with pytest.raises(TokenRevoked):
        await verifiers(60).verify(user("bot", agent=True).token)


async def test_a_token_issued_after_the_revocation_is_valid(google, verifiers):
    verifier = verifiers(60)
    google.changed["alice"] = {"validSince": str(int(time.time()) - 60)}
    assert await verifier.verify(user("alice").token)


async def test_a_user_is_looked_up_once_in_the_ttl_whatever_the_token(google, verifiers):
    verifier = verifiers(60)
    for lifetime_s in range(3_600, 3_605):
        await verifier.verify(user("alice", lifetime_s).token)
    assert google.lookups == [["alice"]]


async def test_nobody_is_looked_up_if_revocation_is_off(google, verifiers):
    verifier = verifiers(None)
    principal = await verifier.verify(user("alice").token)
    google.changed["alice"] = HOW["disabled"]
    assert list(await verifier.revoked([principal])) == []
    assert google.lookups == []


@pytest.mark.parametrize(
    ("users", "sizes"),
    [(["alice"] * 600, [1]), ([f"u{n}" for n in range(250)], [50, accounts.BATCH, accounts.BATCH])],
)
async def test_users_are_looked_up_in_batches_and_each_once(google, verifiers, users, sizes):
    verifier = verifiers(0)
    tokens = {uid: user(uid).token for uid in users}
    await asyncio.gather(*map(verifier.verify, tokens.values()))
    google.lookups.clear()
    google.delay_s = 0.1
    await asyncio.gather(*(verifier.verify(tokens[uid]) for uid in users))
    assert sorted(map(len, google.lookups)) == sizes


async def test_a_failed_look_up_admits_nobody_and_closes_no_socket(google, verifiers, monkeypatch):
    monkeypatch.setattr(firebase, "LIVE_TTL_S", 0)
    verifier = verifiers(0)
    principal = await verifier.verify(user("alice").token)
    google.delay_s = 1
    with monkeypatch.context() as patch:
        patch.setattr(calls, "DEADLINE_S", 0.2)
        with pytest.raises(Unavailable):
            await verifier.verify(user("alice").token)
    google.delay_s, google.broken = 0, True
    with pytest.raises(Unavailable):
        await verifier.verify(user("bob").token)
    assert list(await verifier.revoked([principal])) == []
    google.broken = False
    assert await verifier.verify(user("carol").token)


@pytest.mark.parametrize("ttl_s", [0, 600])
async def test_who_is_in_stays_for_a_while_if_nobody_can_be_looked_up(google, monkeypatch, ttl_s):
    monkeypatch.setattr(firebase, "LIVE_TTL_S", 0)
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=ttl_s, revocation_grace_s=300)
    principals = [await verifier.verify(user(uid).token) for uid in ("alice", "bob")]
    google.broken, now = True, time.monotonic()
    for seconds, cut in ((ttl_s + 290, []), (ttl_s + 310, principals)):
        monkeypatch.setattr(accounts, "time", SimpleNamespace(monotonic=lambda then=now + seconds: then))
        assert list(await verifier.revoked(principals)) == cut
    google.broken = False
    assert list(await verifier.revoked(principals)) == []
    await verifier.close()


async def test_the_latest_look_ups_are_cached(google, verifiers, monkeypatch):
    monkeypatch.setattr(accounts, "REMEMBERED", 2)
    verifier = verifiers(60)
    for uid in ("a", "b", "c", "c", "a"):
        await verifier.verify(user(uid).token)
    assert google.lookups == [["a"], ["b"], ["c"], ["a"]]


async def test_users_of_live_sockets_are_looked_up_every_few_seconds_at_most(google, verifiers):
    verifier = verifiers(0)
    principal = await verifier.verify(user("alice").token)
    google.changed["alice"] = HOW["disabled"]
    assert list(await verifier.revoked([principal])) == []
    with pytest.raises(TokenRevoked):
        await verifier.verify(user("alice").token)
    assert list(await verifier.revoked([principal])) == [principal]


@pytest.fixture
async def live(google, store_server, bus_server, monkeypatch):
    """An instance that looks its users up in Firebase Auth."""
    monkeypatch.setattr(sessions, "CHECK_S", 0.1)
    monkeypatch.setattr(firebase, "LIVE_TTL_S", 0.2)
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=0)
    async with World(store_server, bus_server, cells=("main",), verifier=verifier).running() as world:
        yield world


@pytest.mark.parametrize("how", HOW)
async def test_the_live_socket_of_a_revoked_user_is_notified_and_closed(google, live, caplog, how):
    caplog.set_level("INFO", sessions.__name__)
    room = await live.conversation(["bob"])
    ended, other = [await live.client(user(uid).token, room=room) for uid in ("bob", "alice")]
    google.changed["bob"] = HOW[how]
    await asyncio.wait_for(ended.closed.wait(), 15)
    assert ended.of("auth_expired") == [{}]
    assert (await other.call("message", {"conversationId": room, "content": "still here"}))["ok"]
    assert ended.of("message") == []
    assert other.of("auth_expired") == []
    (line,) = [each for each in caplog.records if each.name == sessions.__name__]
    assert line.message == "a socket of a revoked user is closed"
    assert line.user == live.containers[0].sessions.pseudonym("bob") is not None


async def test_a_socket_whose_own_renewal_is_refused_is_closed(google, live, monkeypatch):
    client = await live.client(user("bob").token)
    monkeypatch.setattr(sessions, "CHECK_S", 60)
    await asyncio.sleep(0.3)  # the pause that has begun is over
    google.changed["bob"] = HOW["disabled"]
    assert code(await client.call("auth", {"token": user("bob").token})) == "token_revoked"
    await asyncio.wait_for(client.closed.wait(), 15)
    assert client.of("auth_expired") == [{}]


async def test_a_socket_survives_another_users_revoked_token_and_the_revocation_of_older_ones(google, live):
    client = await live.client(user("bob").token)
    google.changed["alice"] = HOW["disabled"]
    assert code(await client.call("auth", {"token": user("alice").token})) == "token_revoked"
    assert (await client.call("auth", {"token": user("bob", age_s=0).token}))["ok"]
    google.changed["bob"] = {"validSince": str(int(time.time()) - 5)}
    await asyncio.sleep(0.6)  # several checks
    assert (await client.call("leave", {"conversationId": "any"}))["ok"]
