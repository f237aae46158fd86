"""Firebase ID tokens, verified with firebase-admin.

The library blocks, so it runs on threads of its own; but where it has the certificates at hand it
only computes, a fraction of a millisecond, and a thread would cost more than it spares. A verified
token is remembered, by its hash, until it expires; that its user was not revoked is believed for
`revocation_ttl_s` seconds (None: nobody is looked up). Fails closed: without keys, or without the
user's record when it is due, nobody is let in.
"""

import asyncio
import base64
import hashlib
import json
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

import firebase_admin
from firebase_admin import auth, exceptions
from google.auth.exceptions import GoogleAuthError

from confab.auth.certificates import KeptCertificates
from confab.domain.errors import TokenExpired, TokenRevoked, Unauthenticated, Unavailable
from confab.domain.models import Principal

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_TOKEN_CHARS = 8_192
CACHED_TOKENS = 10_000
THREADS = 4
MAX_CALLS = 500
"""Calls of firebase-admin that wait for a thread or are on one."""
HTTP_TIMEOUT_S = 3
DEADLINE_S = 5
"""Seconds within which a token is verified or the caller is told `unavailable`."""


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token that was checked."""

    principal: Principal
    issued_at: int
    unrevoked_at: float
    """When the user was last looked up, on the monotonic clock; minus infinity for never."""


class FirebaseVerifier:
    """Implements `TokenVerifier` for one Firebase project."""

    def __init__(self, project: str, *, clock_skew_s: int = 5, revocation_ttl_s: int | None = 60) -> None:
        self._project = project
        self._clock_skew_s = clock_skew_s
        self._revocation_ttl_s = revocation_ttl_s
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="firebase-auth")
        self._calls = 0
        self._first = asyncio.Lock()
        self._keys_fetched = False
        self._certificates: KeptCertificates | None = None

    async def verify(self, token: str) -> Principal:
        """The caller that a token stands for; see `TokenVerifier.verify`."""
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated(f"A token has at most {MAX_TOKEN_CHARS} characters.")
        key = hashlib.sha256(token.encode(errors="replace")).digest()
        verified = self._verified.get(key) or await self._check_signature(token)
        if verified.principal.expires_at.timestamp() + self._clock_skew_s <= time.time():
            self._verified.pop(key, None)
            raise TokenExpired("The ID token has expired; get a new one.")
        if self._lookup_is_due(verified):
            self._verified.pop(key, None)
            await self._check_revocation(verified)
            verified = _Verified(verified.principal, verified.issued_at, time.monotonic())
        self._verified[key] = verified
        self._verified.move_to_end(key)
        while len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return verified.principal

    def _lookup_is_due(self, verified: _Verified) -> bool:
        ttl = self._revocation_ttl_s
        return ttl is not None and time.monotonic() - verified.unrevoked_at >= ttl

    async def check(self) -> None:
        """Return if keys can be had: a token that nobody signed is refused for its signature."""
        try:
            await self._check_signature(_unsigned_token(self._project))
        except Unauthenticated:
            return

    async def close(self) -> None:
        """End the threads; what they are doing ends by its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        firebase_admin.delete_app(self._app)

    async def _check_signature(self, token: str) -> _Verified:
        if self._certificates is not None and self._certificates.at_hand():
            with _errors_of_ours():
                return _verified(self._claims(token))
        if self._keys_fetched:
            return _verified(await self._call(self._claims, token))
        try:
            async with asyncio.timeout(DEADLINE_S), self._first:  # one fetches, the others find them cached
                claims = await self._call(self._claims, token)
                self._keys_fetched = True
        except TimeoutError as error:
            raise _unavailable(error) from error
        return _verified(claims)

    def _claims(self, token: str) -> Mapping[str, Any]:
        client = self._client
        try:
            claims: Mapping[str, Any] = client.verify_id_token(token, clock_skew_seconds=self._clock_skew_s)
        except (TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError("the library expects something else in a token") from error
        return claims

    async def _check_revocation(self, verified: _Verified) -> None:
        uid = verified.principal.uid
        user = await self._call(lambda: self._client.get_user(uid))
        if user.disabled or verified.issued_at * 1000 < user.tokens_valid_after_timestamp:
            raise TokenRevoked("The ID token has been revoked; sign in again.")

    async def _call(self, call: Callable[..., T], *args: object) -> T:
        """The result of a blocking call of firebase-admin, or the error of ours that it means."""
        if self._calls >= MAX_CALLS:
            raise Unavailable("Too many tokens are waiting to be verified.")
        self._calls += 1
        try:
            with _errors_of_ours():
                async with asyncio.timeout(DEADLINE_S):
                    return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)
        finally:
            self._calls -= 1

    @cached_property
    def _app(self) -> firebase_admin.App:
        options = {"projectId": self._project, "httpTimeout": HTTP_TIMEOUT_S}
        return firebase_admin.initialize_app(options=options, name=f"confab-{uuid.uuid4().hex}")

    @cached_property
    def _client(self) -> auth.Client:
        client = auth.Client(self._app)
        verifier = client._token_verifier  # noqa: SLF001 - there is no public way to keep certificates
        verifier.request = self._certificates = KeptCertificates(verifier.request)
        return client


@contextmanager
def _errors_of_ours() -> Iterator[None]:
    """Let what firebase-admin raises be the error of ours that it means."""
    try:
        yield
    except TimeoutError as error:
        raise _unavailable(error) from error
    except auth.ExpiredIdTokenError as error:
        raise TokenExpired("The ID token has expired; get a new one.") from error
    except (auth.UserNotFoundError, auth.UserDisabledError, auth.RevokedIdTokenError) as error:
        raise TokenRevoked("The ID token has been revoked; sign in again.") from error
    except (exceptions.FirebaseError, GoogleAuthError) as error:
        if isinstance(error, auth.InvalidIdTokenError):
            raise Unauthenticated("The ID token is not valid for this project.") from error
        raise _unavailable(error) from error
    except ValueError as error:
        raise Unauthenticated("The ID token is not valid for this project.") from error


def _verified(claims: Mapping[str, Any]) -> _Verified:
    """What the claims say; the emulator's are not checked by the library, so their types are."""
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    try:
        if not isinstance(issued_at, int) or not isinstance(expires_at, int):
            raise TypeError
        ends = datetime.fromtimestamp(expires_at, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Unauthenticated("The ID token does not say from when to when it is valid.") from None
    principal = Principal(uid=claims["uid"], agent=claims.get("agent") is True, expires_at=ends)
    return _Verified(principal, issued_at, float("-inf"))


def _unavailable(error: BaseException) -> Unavailable:
    log.warning("Firebase Auth does not answer", extra={"error": type(error).__name__})
    return Unavailable("The identity service does not answer.")


def _unsigned_token(project: str) -> str:
    now = int(time.time())
    header = {"alg": "RS256", "kid": "readiness", "typ": "JWT"}
    payload = {
        "iss": f"https://securetoken.google.com/{project}",
        "aud": project,
        "sub": "readiness",
        "iat": now,
        "exp": now + 60,
    }
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), b"unsigned")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
