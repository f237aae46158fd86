"""Firebase ID tokens, verified with firebase-admin.

The library blocks, so it runs on threads of its own. It caches Google's certificates for as long
as they say, and spends 1 to 2 ms on a token, on one thread for all: several would keep the
interpreter from the event loop for longer. A verified token is cached, by its hash, until it
expires. A user's record is cached for `revocation_ttl_s` seconds (None: no user is looked up).
Fails closed: without keys, or without the user's record when it is due, every token is rejected.
A key id that is not among the certificates causes no fetch: Google publishes keys before it signs with them.
"""

import asyncio
import base64
import hashlib
import json
import os
import re
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

import firebase_admin
from firebase_admin import auth, exceptions
from google.auth.exceptions import GoogleAuthError

from confab.auth import calls
from confab.auth.accounts import Accounts, Record, Records
from confab.auth.calls import Calls
from confab.auth.tokens import caller, require_token
from confab.domain.errors import TokenExpired, TokenRevoked, Unauthenticated, Unavailable
from confab.domain.models import Principal

T = TypeVar("T")

INVALID = "The ID token is not valid for this project."

TOO_EARLY = re.compile(r"^Token used too early, (\d{1,12}) < (\d{1,12})\.")
"""What firebase-admin reports of a token that is signed and good, but for its time."""
MAX_WAIT_S = 60
"""Seconds for which it is worth waiting until a token's time begins: the most that clocks may differ."""

CACHED_TOKENS = 10_000
THREADS = 4
HTTP_TIMEOUT_S = 3
FETCH_AGAIN_S = 1.0
"""Seconds after a failed fetch of the keys in which nobody tries it again."""
LIVE_TTL_S = 5
"""Seconds for which, at least, the record of a user with a live socket is cached."""


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
        self._signatures = Calls("Firebase Auth")
        self._lookups = Calls("Firebase Auth", threads=THREADS)
        self._fetch_again_at = 0.0

    async def verify(self, token: str) -> Principal:
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
        if self._revocation_ttl_s is None:
            return ()
        ttl_s = max(self._revocation_ttl_s, LIVE_TTL_S)

        async def is_revoked(principal: Principal) -> bool:
            try:
                return await self._is_revoked(principal, ttl_s)
            except Unavailable:  # it is logged, and looked up again soon
                return self._accounts.age_s(principal.uid) > ttl_s + self._revocation_grace_s

        found = await asyncio.gather(*map(is_revoked, principals))
        return [principal for principal, revoked in zip(principals, found, strict=True) if revoked]

    async def _is_revoked(self, principal: Principal, max_age_s: float) -> bool:
        try:
            async with asyncio.timeout(calls.DEADLINE_S):
                record = await self._accounts.record(principal.uid, max_age_s=max_age_s)
        except TimeoutError as error:
            raise self._lookups.unavailable(error) from error
        return record.ends(principal)

    async def _look_up(self, uids: Collection[str]) -> Records:
        asked = [auth.UidIdentifier(uid) for uid in uids]
        found = await self._call(self._lookups, lambda: self._client.get_users(asked).users)
        return {user.uid: Record.of(user) for user in found if not user.disabled}

    async def check(self) -> None:
        """Fetch the keys, if need be: with them, an unsigned token is rejected for its signature."""
        with suppress(Unauthenticated):
            await self._check_signature(_unsigned_token(self._project))

    async def close(self) -> None:
        """End the threads; calls in flight end by their own timeout."""
        await self._accounts.close()
        self._signatures.close()
        self._lookups.close()
        firebase_admin.delete_app(self._app)

    async def _check_signature(self, token: str) -> Principal:
        require_token(token, "ID token")
        return self._taken(await self._call(self._signatures, self._claims, token))

    def _taken(self, claims: Mapping[str, Any]) -> Principal:
        """The caller that the claims name. Raises Unauthenticated for whom this deployment does not take."""
        principal = caller(claims)
        if self._require_verified_email and not principal.agent and claims.get("email_verified") is not True:
            raise Unauthenticated("Verify your email address, and then send a new ID token.")
        return principal

    def _claims(self, token: str) -> Mapping[str, Any]:
        if time.monotonic() < self._fetch_again_at:
            raise exceptions.UnavailableError("The keys could not be fetched a moment ago.")
        try:
            claims: Mapping[str, Any] = self._client.verify_id_token(
                token, clock_skew_seconds=self._clock_skew_s
            )
        except (auth.CertificateFetchError, GoogleAuthError):
            self._fetch_again_at = time.monotonic() + FETCH_AGAIN_S
            raise
        except (TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError("a token of an unexpected form") from error
        return claims

    async def _call(self, threads: Calls, call: Callable[..., T], *args: object) -> T:
        """The result of a blocking call of firebase-admin; its errors as Confab's."""
        try:
            return await threads.run(call, *args)
        except auth.ExpiredIdTokenError as error:
            raise TokenExpired("The ID token has expired; get a new one.") from error
        except auth.InvalidIdTokenError as error:
            if (early := TOO_EARLY.search(str(error))) is not None:
                now, begins = map(int, early.groups())
                raise _too_early(max(1, begins - self._clock_skew_s - now)) from error
            raise Unauthenticated(INVALID) from error
        except (exceptions.FirebaseError, GoogleAuthError) as error:
            raise threads.unavailable(error) from error
        except ValueError as error:
            raise Unauthenticated(INVALID) from error

    @cached_property
    def _app(self) -> firebase_admin.App:
        options = {"projectId": self._project, "httpTimeout": HTTP_TIMEOUT_S}
        return firebase_admin.initialize_app(options=options, name=f"confab-{uuid.uuid4().hex}")

    @cached_property
    def _client(self) -> auth.Client:
        return auth.Client(self._app)


def _too_early(wait_s: int) -> Unauthenticated | Unavailable:
    """The refusal of a token whose issuer's clock is ahead of this process's."""
    detail = f"The ID token's time begins in {wait_s} s by this server's clock."
    return Unavailable(detail, retry_after=wait_s) if wait_s <= MAX_WAIT_S else Unauthenticated(detail)


def _unsigned_token(project: str) -> str:
    header = {"alg": "RS256", "kid": "readiness", "typ": "JWT"}
    issuer = f"https://securetoken.google.com/{project}"
    payload = {"iss": issuer, "aud": project, "sub": "readiness"}
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), b"unsigned")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
