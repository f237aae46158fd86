"""ID tokens through firebase-admin's production path, against a certificate server of our own."""

import asyncio
import base64
import json
import time

import jwt
import pytest
from firebase_admin import _token_gen, auth

from confab.auth import firebase
from confab.auth.firebase import FirebaseVerifier
from confab.domain.errors import TokenExpired, TokenRevoked, Unauthenticated, Unavailable
from tests.support.firebase_keys import PROJECT, CertificateServer, SigningKey

GOOGLE = SigningKey("google-1")
STRANGER = SigningKey("google-1")  # the same key id, another key


@pytest.fixture(autouse=True)
def production(monkeypatch, tmp_path):
    """A process that is no emulator's and has a service account."""
    account = tmp_path / "account.json"
    account.write_text(json.dumps(GOOGLE.service_account()))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)


@pytest.fixture
def certificates(monkeypatch):
    with CertificateServer(GOOGLE).running() as server:
        monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", server.url)
        yield server


@pytest.fixture
async def verifier(certificates):
    verifier = FirebaseVerifier(PROJECT, clock_skew_s=5, revocation_ttl_s=None)
    yield verifier
    await verifier.close()


async def test_a_signed_token_names_its_user(verifier):
    expires = int(time.time()) + 3600
    principal = await verifier.verify(GOOGLE.token("alice", exp=expires))
    assert (principal.uid, principal.agent) == ("alice", False)
    assert principal.expires_at.timestamp() == expires


@pytest.mark.parametrize(("claim", "agent"), [(True, True), (False, False), ("true", False), (1, False)])
async def test_only_the_claim_true_makes_an_agent(verifier, claim, agent):
    assert (await verifier.verify(GOOGLE.token("bot", agent=claim))).agent is agent


def crafted(header: str, payload: str) -> str:
    """A token of these two texts, signed by nobody."""
    parts = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (header, payload, "x"))
    return ".".join(parts)


@pytest.mark.parametrize(
    "token",
    [
        STRANGER.token(),
        GOOGLE.token(aud="another-project"),
        GOOGLE.token(iss="https://securetoken.google.com/another-project"),
        GOOGLE.token(sub=""),
        GOOGLE.token(sub="u" * 129),
        GOOGLE.token(iat=int(time.time()) + 86_400),
        jwt.encode({"sub": "alice"}, "x" * 32, "HS256", headers={"kid": "google-1"}),
        jwt.encode({"sub": "alice", "aud": PROJECT}, "", "none"),
        crafted('{"alg":"HS256"}', '{"v":0,"d":5}'),
        crafted('{"alg":"HS256"}', '{"v":0,"d":[]}'),
        crafted('{"alg":"HS256","kid":[]}', "{}"),
        crafted('{"alg":"RS256","kid":{}}', "{}"),
        crafted("[]", "[]"),
        crafted("null", "5"),
        crafted("[" * 5_000, "{}"),
        crafted('{"alg":"RS256","kid":"google-1"}', '{"sub":' + "[" * 5_000),
        "not.a.token",
        "x",
        "é",
        "a" * 9_000,
    ],
)
async def test_any_other_token_is_refused(verifier, token):
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_an_expired_token_is_refused_beyond_the_clock_skew(verifier):
    now = int(time.time())
    assert await verifier.verify(GOOGLE.token(iat=now - 3600, exp=now - 2))
    with pytest.raises(TokenExpired):
        await verifier.verify(GOOGLE.token(iat=now - 3600, exp=now - 30))


async def test_a_remembered_token_still_expires(verifier, monkeypatch):
    token = GOOGLE.token()
    await verifier.verify(token)
    later = time.time() + 3_700
    monkeypatch.setattr("confab.auth.firebase.time.time", lambda: later)
    with pytest.raises(TokenExpired):
        await verifier.verify(token)


async def test_the_keys_are_fetched_once_for_many_first_callers(verifier, certificates):
    certificates.delay_s = 0.2
    await asyncio.gather(*(verifier.verify(GOOGLE.token(f"user-{n}")) for n in range(20)))
    assert certificates.requests == 1


async def test_without_keys_nobody_is_let_in_and_nobody_waits_long(verifier, certificates, monkeypatch):
    monkeypatch.setattr(firebase, "DEADLINE_S", 0.3)
    certificates.delay_s = 1.5
    with pytest.raises(Unavailable):
        await verifier.check()
    outcomes = await asyncio.wait_for(
        asyncio.gather(*(verifier.verify(GOOGLE.token(f"u{n}")) for n in range(8)), return_exceptions=True),
        timeout=5,
    )
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    certificates.delay_s = 0
    monkeypatch.setattr(firebase, "DEADLINE_S", 5)
    assert (await verifier.verify(GOOGLE.token())).uid == "alice"


async def test_unreachable_keys_are_unavailable(monkeypatch):
    monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", "http://127.0.0.1:9/certs")
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=None)
    with pytest.raises(Unavailable):
        await verifier.check()
    with pytest.raises(Unavailable):
        await verifier.verify(GOOGLE.token())
    await verifier.close()


async def test_a_process_without_credentials_lets_nobody_in(monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=None)
    with pytest.raises(Unavailable):
        await verifier.verify(GOOGLE.token())
    await verifier.close()


async def test_ready_once_the_keys_are_there(verifier):
    await verifier.check()


class Users:
    """The identity service's answers to `get_user`."""

    def __init__(self) -> None:
        self.lookups = 0
        self.disabled = False
        self.tokens_valid_after_timestamp = 0
        self.error: Exception | None = None

    def get_user(self, _uid: str) -> "Users":
        self.lookups += 1
        if self.error:
            raise self.error
        return self


@pytest.fixture
def users(monkeypatch):
    users = Users()
    monkeypatch.setattr(auth.Client, "get_user", lambda _, uid: users.get_user(uid))
    return users


@pytest.mark.parametrize("how", ["revoked", "disabled", "deleted"])
async def test_a_revoked_token_is_refused_at_the_next_look(certificates, users, how):
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=0)
    token = GOOGLE.token()
    assert await verifier.verify(token)
    if how == "revoked":
        users.tokens_valid_after_timestamp = int(time.time() + 60) * 1000
    elif how == "disabled":
        users.disabled = True
    else:
        users.error = auth.UserNotFoundError("gone")
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    await verifier.close()


async def test_a_user_is_looked_up_once_in_the_ttl(certificates, users):
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=60)
    token = GOOGLE.token()
    for _ in range(5):
        await verifier.verify(token)
    assert users.lookups == 1
    await verifier.close()
