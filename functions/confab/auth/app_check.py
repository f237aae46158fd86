"""Firebase App Check tokens, verified with firebase-admin.

The library fetches Google's keys when it meets a key id that it does not know, at most once in 30 s after
a fetch that succeeded; it waits up to 30 s for one. So tokens are verified on a thread, one at a time, and
after a fetch that failed, key ids that have verified nothing yet are not tried for as long as it took. A
verified token is cached, by its hash, until it expires. Fails closed.
"""

import hashlib
import time
import uuid
from collections import OrderedDict
from functools import cached_property
from json import JSONDecodeError
from typing import NoReturn

import firebase_admin
import jwt
from firebase_admin import app_check
from google.auth.credentials import AnonymousCredentials

from confab.auth.calls import Calls
from confab.auth.tokens import require_token
from confab.domain.errors import Unauthenticated, Unavailable

INVALID = "The App Check token is not valid for this project."
EXPIRED = "The App Check token has expired; get a new one."
MISSING = "Send an App Check token as X-Firebase-AppCheck, or as auth: {appCheckToken} in a handshake."
CACHED_TOKENS = 10_000
FETCH_AGAIN_S = 1.0
"""Seconds after a failed fetch of the keys in which it is not tried again, or as long as it took."""
UNKNOWN_KEY = "Unable to find a signing key"
"""How PyJWT's refusal of a key id begins that is not among the keys."""


class KeysUnavailable(Exception):
    """Google's keys cannot be fetched."""


class FirebaseAppCheck:
    """Implements `AppVerifier` for one Firebase project."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._verified: OrderedDict[bytes, float] = OrderedDict()
        self._calls = Calls("Firebase App Check")
        self._known: set[str] = set()
        """Key ids that have verified a token."""
        self._fetch_again_at = 0.0

    async def verify(self, token: str | None) -> None:
        if not token:
            raise Unauthenticated(MISSING)
        key = hashlib.sha256(token.encode(errors="replace")).digest()
        expires_at = self._verified.get(key) or await self._expiry(token)
        if expires_at <= time.time():
            self._verified.pop(key, None)
            raise Unauthenticated(EXPIRED)
        self._verified[key] = expires_at
        self._verified.move_to_end(key)
        while len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)

    async def close(self) -> None:
        """End the thread."""
        self._calls.close()
        firebase_admin.delete_app(self._app)

    async def _expiry(self, token: str) -> float:
        """When a token ends that is verified now."""
        require_token(token, "App Check token")
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            if not key_id:
                raise Unauthenticated(INVALID)
            return await self._calls.run(self._verify, token, key_id)
        except KeysUnavailable as error:
            raise self._calls.unavailable(error) from error
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
            _refuse(error)

    def _verify(self, token: str, key_id: str) -> float:
        began = time.monotonic()
        if key_id not in self._known and began < self._fetch_again_at:
            raise KeysUnavailable
        try:
            claims = app_check.verify_token(token, self._app)
        except (jwt.PyJWKClientError, jwt.PyJWKSetError, OSError, UnicodeError, JSONDecodeError) as error:
            if str(error).startswith(UNKNOWN_KEY):
                raise
            self._known.discard(key_id)
            self._fetch_again_at = time.monotonic() + max(FETCH_AGAIN_S, time.monotonic() - began)
            raise KeysUnavailable from error
        self._known.add(key_id)
        return float(claims["exp"])

    @cached_property
    def _app(self) -> firebase_admin.App:
        nobody, options = AnonymousCredentials(), {"projectId": self._project}  # the keys are public
        return firebase_admin.initialize_app(nobody, options, name=f"confab-{uuid.uuid4().hex}")


def _refuse(error: Exception) -> NoReturn:
    """Raise what the library's refusal of a token means."""
    if isinstance(error.__cause__, jwt.ImmatureSignatureError):
        raise Unavailable("The App Check token's time begins later by this server's clock.") from error
    if isinstance(error.__cause__, jwt.ExpiredSignatureError):
        raise Unauthenticated(EXPIRED) from error
    raise Unauthenticated(INVALID) from error
