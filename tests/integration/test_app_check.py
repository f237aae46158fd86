"""App Check tokens through firebase-admin, with Google's keys on loopback, over REST and in the handshake."""

import asyncio
import time
import uuid
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from firebase_admin import app_check as library

from confab.auth import app_check
from confab.auth.app_check import FirebaseAppCheck
from confab.domain.errors import Unauthenticated, Unavailable
from confab.realtime.container import Container
from tests.support.adapters import MemoryAdapters
from tests.support.api import api_client
from tests.support.firebase_keys import PROJECT, SigningKey
from tests.support.google import Google
from tests.support.samples import principal

KEY = SigningKey("app-check-1")
STRANGER = SigningKey("app-check-1")  # the same key id, another key
HEADERS = {"kid": "app-check-1"}


@pytest.fixture
def google(monkeypatch):
    with Google(KEY).serving() as google:
        monkeypatch.setattr(library._AppCheckService, "_JWKS_URL", f"{google.url}/v1/jwks")
        yield google


@pytest.fixture
async def verifier(google):
    verifier = FirebaseAppCheck(PROJECT)
    yield verifier
    await verifier.close()


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "x",
        "not.a.token",
        "a" * 9_000,
        KEY.app_check_token() + "=",
        KEY.token(),
        STRANGER.app_check_token(),
        KEY.app_check_token(aud=["projects/another-project"]),
        KEY.app_check_token(aud=f"projects/{PROJECT}"),
        KEY.app_check_token(iss="https://example.com/123"),
        KEY.app_check_token(exp=int(time.time()) - 10),
        jwt.encode({"sub": "1:123:web:abc"}, "x" * 32, "HS256", headers=HEADERS),
        jwt.encode({"sub": "1:123:web:abc"}, "", "none", headers=HEADERS),
        jwt.encode({}, "x" * 32, "HS256"),
    ],
)
async def test_what_is_no_token_of_the_project_is_refused_by_name(verifier, token):
    with pytest.raises(Unauthenticated, match="App Check token"):
        await verifier.verify(token)


async def test_a_token_is_good_until_it_expires_and_verified_once(verifier, google, monkeypatch):
    verify = Mock(wraps=library.verify_token)
    monkeypatch.setattr(library, "verify_token", verify)
    expires = int(time.time()) + 60
    token = KEY.app_check_token(exp=expires)
    for _ in range(3):
        await verifier.verify(token)
    monkeypatch.setattr("confab.auth.app_check.time.time", lambda: expires + 1)
    with pytest.raises(Unauthenticated, match="expired"):
        await verifier.verify(token)
    assert (verify.call_count, google.key_set_requests) == (1, 1)


async def test_a_token_from_a_moment_ahead_may_be_tried_again(verifier):
    with pytest.raises(Unavailable, match="App Check"):
        await verifier.verify(KEY.app_check_token(iat=int(time.time()) + 30))


async def outcomes(verifier, key, *, kids=20):
    """What becomes of tokens of this key under the key ids that it is given."""
    tokens = [key.app_check_token(jti=uuid.uuid4().hex) for _ in range(kids)]
    found = await asyncio.gather(*map(verifier.verify, tokens), return_exceptions=True)
    return {type(each) for each in found}


async def test_unknown_key_ids_cause_one_fetch_and_known_ones_serve_meanwhile(verifier, google):
    strange = SigningKey("strange")
    assert await outcomes(verifier, strange) == {Unauthenticated}
    assert await outcomes(verifier, KEY) == {type(None)}
    assert google.key_set_requests == 1
    service = library._get_app_check_service(verifier._app)
    service._jwks_client.cooldown_duration = 0
    google.broken = True
    assert await outcomes(verifier, strange) == {Unavailable}
    assert await outcomes(verifier, KEY) == {type(None)}
    assert google.key_set_requests == 2


@pytest.mark.parametrize("fault", ["broken", [], {"keys": []}], ids=repr)
async def test_without_keys_everybody_waits_and_one_fetch_is_tried(verifier, google, fault):
    keys, google.key_set = google.key_set, fault
    google.broken = fault == "broken"
    assert await outcomes(verifier, KEY) == {Unavailable}
    assert google.key_set_requests == 1
    google.key_set, google.broken = keys, False
    await asyncio.sleep(app_check.FETCH_AGAIN_S)
    assert await outcomes(verifier, KEY) == {type(None)}


GOOD = KEY.app_check_token()
WHO = [
    ("required", "alice", GOOD, None),
    ("required", "alice", None, "unauthenticated"),
    ("required", "alice", STRANGER.app_check_token(), "unauthenticated"),
    ("required", "bot", None, None),
    ("required", "forged", GOOD, "unauthenticated"),
    ("off", "alice", None, None),
    ("off", "alice", "anything", None),
]


@pytest.mark.parametrize(("setting", "user", "token", "refusal"), WHO)
async def test_who_needs_an_app_check_token(google, setting, user, token, refusal):
    adapters = MemoryAdapters(CONFAB_APP_CHECK=setting, GOOGLE_CLOUD_PROJECT=PROJECT)
    headers = {"Authorization": f"Bearer {user}"} | ({} if token is None else {"X-Firebase-AppCheck": token})
    async with api_client(adapters) as client:
        answer = await client.get("/api/conversations", headers=headers)
    assert answer.json().get("code") == refusal

    container, answered = Container(adapters), []
    auth = {"token": user} | ({} if token is None else {"appCheckToken": token})
    refused = lambda _, problem: answered.append(problem["code"])  # noqa: E731
    await container.application.connect("s1", auth, lambda: answered.append(None), refused)
    assert answered == [refusal]
    if refusal is None:  # once it is in, the token of the user alone is renewed
        await container.application.event("s1", "auth", [{"token": user}], answered.append)
        assert answered[-1]["ok"]
    await container.announcer.close()
    await adapters.close()


@pytest.mark.parametrize(("setting", "goes_on"), [("required", False), ("off", True)])
async def test_the_socket_of_an_agent_goes_on_as_a_user_s_only_where_apps_are_not_required(setting, goes_on):
    container = Container(MemoryAdapters(CONFAB_APP_CHECK=setting))
    answered: list[Any] = []
    container.sessions.admit("s1", principal("alice", agent=True))
    await container.application.event("s1", "auth", [{"token": "alice"}], answered.append)
    assert answered[0]["ok"] is goes_on
    await container.announcer.close()


def test_a_stack_of_emulators_says_that_app_check_refuses_everybody_but_agents(caplog):
    MemoryAdapters(CONFAB_APP_CHECK="required")
    assert "App Check has no emulator" in caplog.text
