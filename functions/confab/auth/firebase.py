"""Firebase ID tokens, verified with firebase-admin.

The library blocks, so it runs on threads of its own. It caches Google's certificates for as long
as they say, and spends 1 to 2 ms on a token, on one thread for all: several would keep the
interpreter from the event loop for longer. A verified token is cached, by its hash, until it
expires. A user's record is cached for `revocation_ttl_s` seconds (None: no user is looked up).
Fails closed: without keys, or without the user's record when it is due, every token is rejected.
"""

import asyncio
import base64
import hashlib
import json
import logging
import os
import re
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

import firebase_admin
from firebase_admin import auth, exceptions
from google.auth.exceptions import GoogleAuthError

from confab.auth.accounts import Accounts, ValidFrom
from confab.domain.errors import TokenExpired, TokenRevoked, TokenTooEarly, Unauthenticated, Unavailable
from confab.domain.models import Principal
from confab.domain.requests import RESERVED

log = logging.getLogger(__name__)

T = TypeVar("T")

INVALID = "The ID token is not valid for this project."

TOO_EARLY = re.compile(r"^Token used too early, (\d{1,12}) < (\d{1,12})\.")
"""What firebase-admin reports of a token that is signed and good, but for its time."""

MAX_TOKEN_CHARS = 8_192
CACHED_TOKENS = 10_000
THREADS = 4
MAX_CALLS = 2_000
"""Calls of firebase-admin in the queue or on a thread: more than the sockets that a container serves."""
HTTP_TIMEOUT_S = 3
DEADLINE_S = 5
"""Seconds for verifying a token; it is `unavailable` after that."""
LIVE_TTL_S = 5
"""Seconds for which, at least, the record of a user with a live socket is cached."""
_BASE64URL = (
    "(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
    # RFC 7515, section 2, without unused bits that are set (RFC 4648, section 3.5)
)
TOKEN = re.compile(rf"{_BASE64URL}\.{_BASE64URL}\.{_BASE64URL}", re.ASCII)
"""The one spelling of a token. A decoder accepts others, each of which would be cached on its own."""


class FirebaseVerifier:
    """Implements `TokenVerifier` for one Firebase project."""

    def __init__(
        self,
        project: str,
        *,
        emulator_host: str | None = None,
        clock_skew_s: int = 5,
        revocation_ttl_s: int | None = 60,
        revocation_grace_s: int = 300,
        require_verified_email: bool = False,
    ) -> None:
        if emulator_host is not None:  # firebase-admin reads it from nowhere else
            os.environ["FIREBASE_AUTH_EMULATOR_HOST"] = emulator_host
        self._project = project
        self._clock_skew_s = clock_skew_s
        self._revocation_ttl_s = revocation_ttl_s
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self._revocation_grace_s = revocation_grace_s
        self._require_verified_email = require_verified_email
        self._accounts = Accounts(self._look_up)
        self._signatures = ThreadPoolExecutor(1, thread_name_prefix="firebase-auth-signatures")
        self._lookups = ThreadPoolExecutor(THREADS, thread_name_prefix="firebase-auth-lookups")
        self._calls = 0
        self._first = asyncio.Lock()
        self._keys_fetched = False

    async def verify(self, token: str) -> Principal:
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated(f"A token has at most {MAX_TOKEN_CHARS} characters.")
        key = hashlib.sha256(token.encode(errors="replace")).digest()
        principal = self._verified.get(key) or await self._check_signature(token)
        if principal.expires_at.timestamp() + self._clock_skew_s <= time.time():
            self._verified.pop(key, None)
            raise TokenExpired("The ID token has expired; get a new one.")
        if self._revocation_ttl_s is not None and await self._is_revoked(principal, self._revocation_ttl_s):
            raise TokenRevoked("The ID token has been revoked; sign in again.")
        self._verified[key] = principal
        self._verified.move_to_end(key)
        while len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def revoked(self, principals: Collection[Principal]) -> Collection[Principal]:
        ttl = self._revocation_ttl_s
        if ttl is None:
            return ()

        async def is_revoked(principal: Principal) -> bool:
            try:
                return await self._is_revoked(principal, max(ttl, LIVE_TTL_S))
            except Unavailable:  # it is logged, and looked up again soon
                return self._accounts.age_s(principal.uid) > self._revocation_grace_s

        found = await asyncio.gather(*map(is_revoked, principals))
        return [principal for principal, revoked in zip(principals, found, strict=True) if revoked]

    async def _is_revoked(self, principal: Principal, max_age_s: float) -> bool:
        try:
            async with asyncio.timeout(DEADLINE_S):
                valid_from = await self._accounts.valid_from(principal.uid, max_age_s=max_age_s)
        except TimeoutError as error:
            raise _unavailable(error) from error
        return principal.issued_at.timestamp() < valid_from

    async def _look_up(self, uids: Collection[str]) -> ValidFrom:
        asked = [auth.UidIdentifier(uid) for uid in uids]
        found = await self._call(self._lookups, lambda: self._client.get_users(asked).users)
        return {user.uid: user.tokens_valid_after_timestamp / 1000 for user in found if not user.disabled}

    async def check(self) -> None:
        """Fetch the keys, if need be: with them, an unsigned token is rejected for its signature."""
        with suppress(Unauthenticated):
            await self._check_signature(_unsigned_token(self._project))

    async def close(self) -> None:
        """End the threads; calls in flight end by their own timeout."""
        await self._accounts.close()
        for threads in (self._signatures, self._lookups):
            threads.shutdown(wait=False, cancel_futures=True)
        firebase_admin.delete_app(self._app)

    async def _check_signature(self, token: str) -> Principal:
        if TOKEN.fullmatch(token) is None:
            raise Unauthenticated(INVALID)
        if self._keys_fetched:
            return self._principal(await self._call(self._signatures, self._claims, token))
        try:
            async with asyncio.timeout(DEADLINE_S), self._first:  # one call fetches the keys that all need
                claims = await self._call(self._signatures, self._claims, token)
                self._keys_fetched = True
        except TimeoutError as error:
            raise _unavailable(error) from error
        return self._principal(claims)

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        """The caller that the claims name. Raises Unauthenticated for whom this deployment does not take."""
        if _sign_in(claims).get("tenant") is not None:
            raise Unauthenticated("Users of Identity Platform tenants are not taken.")
        principal = _principal(claims)
        if self._require_verified_email and not principal.agent and claims.get("email_verified") is not True:
            raise Unauthenticated("Verify your email address, and then send a new ID token.")
        return principal

    def _claims(self, token: str) -> Mapping[str, Any]:
        client = self._client
        try:
            claims: Mapping[str, Any] = client.verify_id_token(token, clock_skew_seconds=self._clock_skew_s)
        except (TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError("a token of an unexpected form") from error
        return claims

    async def _call(self, threads: ThreadPoolExecutor, call: Callable[..., T], *args: object) -> T:
        """The result of a blocking call of firebase-admin; its errors as Confab's."""
        if self._calls >= MAX_CALLS:
            raise Unavailable("Too many tokens are waiting to be verified.")
        self._calls += 1
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.get_running_loop().run_in_executor(threads, call, *args)
        except auth.ExpiredIdTokenError as error:
            raise TokenExpired("The ID token has expired; get a new one.") from error
        except auth.InvalidIdTokenError as error:
            if (early := TOO_EARLY.search(str(error))) is not None:
                now, begins = map(int, early.groups())
                raise TokenTooEarly(max(1, begins - self._clock_skew_s - now)) from error
            raise Unauthenticated(INVALID) from error
        except (TimeoutError, exceptions.FirebaseError, GoogleAuthError) as error:
            raise _unavailable(error) from error
        except ValueError as error:
            raise Unauthenticated(INVALID) from error
        finally:
            self._calls -= 1

    @cached_property
    def _app(self) -> firebase_admin.App:
        options = {"projectId": self._project, "httpTimeout": HTTP_TIMEOUT_S}
        return firebase_admin.initialize_app(options=options, name=f"confab-{uuid.uuid4().hex}")

    @cached_property
    def _client(self) -> auth.Client:
        return auth.Client(self._app)


def _principal(claims: Mapping[str, Any]) -> Principal:
    """The caller that the claims name; the library does not check the types of an emulator's."""
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    try:
        if not isinstance(issued_at, int) or not isinstance(expires_at, int):
            raise TypeError
        begins, ends = datetime.fromtimestamp(issued_at, UTC), datetime.fromtimestamp(expires_at, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Unauthenticated("The ID token does not say from when to when it is valid.") from None
    if claims["uid"].startswith(RESERVED):
        raise Unauthenticated(f"A uid that begins with {RESERVED} is not a user's.")
    return Principal(
        uid=claims["uid"],
        agent=claims.get("agent") is True,
        issued_at=begins,
        expires_at=ends,
        signed_in_at=_signed_in_at(claims.get("auth_time")),
    )


def _sign_in(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the user signed in."""
    sign_in = claims.get("firebase")
    return sign_in if isinstance(sign_in, dict) else {}


def _signed_in_at(auth_time: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(auth_time, UTC) if isinstance(auth_time, int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _unavailable(error: BaseException) -> Unavailable:
    log.warning("Firebase Auth does not answer", extra={"error": type(error).__name__})
    return Unavailable("The identity service does not answer.")


def _unsigned_token(project: str) -> str:
    header = {"alg": "RS256", "kid": "readiness", "typ": "JWT"}
    issuer = f"https://securetoken.google.com/{project}"
    payload = {"iss": issuer, "aud": project, "sub": "readiness"}
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), b"unsigned")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
