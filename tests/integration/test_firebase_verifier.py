"""ID tokens through firebase-admin's production path, with Google's certificates on loopback."""

import asyncio
import base64
import json
import time
import uuid
from http import server
from types import SimpleNamespace

import jwt
import pytest
from cachecontrol import controller
from firebase_admin import _token_gen

from confab.auth import calls, firebase
from confab.auth.firebase import FirebaseVerifier
from confab.domain.errors import TokenExpired, Unauthenticated, Unavailable
from confab.domain.models import Principal
from tests.support.firebase_keys import PROJECT, SigningKey
from tests.support.google import Google

KEY = SigningKey("google-1")
STRANGER = SigningKey("google-1")  # the same key id, another key


@pytest.fixture(autouse=True)
def production(monkeypatch, tmp_path):
    """A process with a service account and without an emulator."""
    account = tmp_path / "account.json"
    account.write_text(json.dumps(KEY.service_account()))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)


@pytest.fixture
def google(monkeypatch):
    with Google(KEY).serving() as google:
        monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", f"{google.url}/certificates")
        yield google


@pytest.fixture
async def verifier(google):
    verifier = FirebaseVerifier(PROJECT, clock_skew_s=5, revocation_ttl_s=None)
    yield verifier
    await verifier.close()


@pytest.mark.parametrize(
    ("claims", "agent"),
    [({}, False), *(({"agent": claim}, claim is True) for claim in (True, False, "true", 1))],
)
async def test_a_signed_token_names_its_user_and_only_the_claim_true_makes_an_agent(verifier, claims, agent):
    expires = int(time.time()) + 3600
    principal = await verifier.verify(KEY.token("alice", exp=expires, **claims))
    assert (principal.uid, principal.agent) == ("alice", agent)
    assert principal.expires_at.timestamp() == expires


def crafted(header: str, payload: str) -> str:
    """A token with these two parts and no valid signature."""
    parts = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (header, payload, "x"))
    return ".".join(parts)


@pytest.mark.parametrize(
    "token",
    [
        STRANGER.token(),
        KEY.token(aud="another-project"),
        KEY.token(iss="https://securetoken.google.com/another-project"),
        KEY.token(sub=""),
        KEY.token(sub="u" * 129),
        KEY.token(sub="agent:helper"),
        KEY.token(sub="a/b"),
        KEY.token(sub="a\0"),
        KEY.token(sub="\ud800"),
        KEY.token(iat=int(time.time()) + 86_400),
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
async def test_a_forged_or_malformed_token_is_refused(verifier, token):
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


TENANT = {"firebase": {"sign_in_provider": "password", "tenant": "acme"}}


@pytest.mark.parametrize(
    ("claims", "required", "refusal"),
    [
        ({"firebase": {"sign_in_provider": "password"}}, False, None),
        (TENANT, False, "Identity Platform tenants"),
        (TENANT | {"agent": True}, True, "Identity Platform tenants"),
        ({"email_verified": True}, True, None),
        ({"email_verified": False}, True, "Verify your email address"),
        ({"email_verified": "true"}, True, "Verify your email address"),
        ({}, True, "Verify your email address"),
        ({"agent": True}, True, None),
    ],
)
async def test_whom_a_deployment_takes(google, claims, required, refusal):
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=None, require_verified_email=required)
    if refusal is None:
        assert (await verifier.verify(KEY.token(**claims))).uid == "alice"
    else:
        with pytest.raises(Unauthenticated, match=refusal):
            await verifier.verify(KEY.token(**claims))
    await verifier.close()


async def test_a_token_expires_after_the_clock_skew_even_if_it_was_verified_before(verifier, monkeypatch):
    now = int(time.time())
    token = KEY.token(iat=now - 3600, exp=now - 2)
    assert await verifier.verify(token)
    with pytest.raises(TokenExpired):
        await verifier.verify(KEY.token(iat=now - 3600, exp=now - 30))
    monkeypatch.setattr("confab.auth.firebase.time.time", lambda: now + 30)
    with pytest.raises(TokenExpired):
        await verifier.verify(token)


@pytest.mark.parametrize(("ahead", "wait"), [(4, None), (20, 15), (90, 0)])
async def test_a_token_from_seconds_ahead_says_when_a_retry_helps(verifier, ahead, wait):
    token = KEY.token(iat=int(time.time()) + ahead)
    if wait is None:
        assert (await verifier.verify(token)).uid == "alice"
        return
    with pytest.raises(Unavailable if wait else Unauthenticated, match="clock") as refused:
        await verifier.verify(token)
    assert wait - 1 <= (refused.value.retry_after or 0) <= wait + 1


async def test_concurrent_first_callers_fetch_the_keys_once(verifier, google):
    google.delay_s = 0.2
    await asyncio.gather(*(verifier.verify(KEY.token(f"user-{n}")) for n in range(20)))
    assert google.certificate_requests == 1


async def test_known_keys_serve_until_they_expire_and_are_then_fetched_once(verifier, google, monkeypatch):
    strange = SigningKey("google-2")

    async def verified(key, *, users=20):
        tokens = [key.token(uuid.uuid4().hex) for _ in range(users)]
        found = await asyncio.gather(*map(verifier.verify, tokens), return_exceptions=True)
        return {type(each) for each in found}, google.certificate_requests

    await verifier.check()
    google.broken = True
    assert await verified(KEY) == ({Principal}, 1)
    assert await verified(strange) == ({Unauthenticated}, 1)
    now = time.time() + 3_601  # the certificates say that they are good for an hour
    for module in (controller, server):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now))
    assert await verified(KEY) == ({Unavailable}, 2)
    google.broken = False
    await asyncio.sleep(firebase.FETCH_AGAIN_S)
    assert await verified(strange) == ({Unauthenticated}, 3)
    assert await verified(KEY) == ({Principal}, 3)


async def test_more_users_than_threads_are_verified_at_once(verifier, monkeypatch):
    monkeypatch.setattr(calls, "DEADLINE_S", 30)
    await verifier.check()
    tokens = [KEY.token(f"user-{n}") for n in range(600)]
    principals = await asyncio.gather(*map(verifier.verify, tokens))
    assert [principal.uid for principal in principals] == [f"user-{n}" for n in range(600)]


async def test_without_keys_every_token_is_unavailable_within_the_deadline(verifier, google, monkeypatch):
    monkeypatch.setattr(calls, "DEADLINE_S", 0.3)
    google.delay_s = 1.5
    with pytest.raises(Unavailable):
        await verifier.check()
    async with asyncio.timeout(5):
        results = await asyncio.gather(
            *(verifier.verify(KEY.token(f"u{n}")) for n in range(8)), return_exceptions=True
        )
    assert {type(result) for result in results} == {Unavailable}
    google.delay_s = 0
    monkeypatch.setattr(calls, "DEADLINE_S", 5)
    assert (await verifier.verify(KEY.token())).uid == "alice"


async def test_a_process_without_credentials_is_unavailable(google, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=None)
    for call in (verifier.check(), verifier.verify(KEY.token())):
        with pytest.raises(Unavailable):
            await call
    await verifier.close()


@pytest.mark.parametrize(
    ("end", "other"), [("", "="), ("", "!!!!"), ("", "\n"), ("", "."), ("A", "B")], ids=repr
)
async def test_a_token_has_one_spelling(verifier, end, other):
    """A lenient decoder reads these as the same token, and each would be cached on its own."""
    token = next(token for token in map(KEY.token, map(str, range(1_000))) if token.endswith(end))
    assert await verifier.verify(token)
    with pytest.raises(Unauthenticated):
        await verifier.verify(token.removesuffix(end) + other)
