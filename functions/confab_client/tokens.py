"""ID tokens, renewed before they end by the length that they state themselves, on monotonic time."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable

from confab_client.errors import ConfabError

GetToken = Callable[[], Awaitable[str]]
FETCH_S, LEAD_S, LONGEST_S = 15.0, 300.0, 86_400.0
AGAIN_S = 15.0
"""Seconds between renewals that fail while the present token still works."""


class Tokens:
    """The present token of one user. However many calls need a new one, one fetches it."""

    def __init__(self, get_token: GetToken, get_app_check_token: GetToken | None = None) -> None:
        self._get_token, self._get_app_check_token = get_token, get_app_check_token
        self._token = ""
        self._renew_at = self._ends_at = 0.0
        self._one = asyncio.Lock()

    @property
    def renew_in(self) -> float:
        """Seconds until the present token is due to be renewed."""
        return max(0.0, self._renew_at - time.monotonic())

    async def current(self) -> str:
        """A token that has not ended; a new one if it soon will."""
        async with self._one:
            if not self.renew_in:
                try:
                    await self._fetch()
                except ConfabError as error:
                    if not error.retryable or time.monotonic() + AGAIN_S >= self._ends_at:
                        raise
                    self._renew_at = time.monotonic() + AGAIN_S
            return self._token

    async def app_check(self) -> str | None:
        """An App Check token, if there is a way to one; whoever gives it keeps it until it ends."""
        if self._get_app_check_token is None:
            return None
        return await _obtained(self._get_app_check_token, "App Check token")

    async def replace(self, refused: str) -> bool:
        """Fetch another token than the one that the server refused; whether there is another."""
        async with self._one:
            if self._token == refused:
                await self._fetch()
            return self._token != refused

    async def _fetch(self) -> None:
        token = await _obtained(self._get_token, "ID token")
        if not token:
            raise ConfabError("signed_out", "get_token returned no token")
        life, now = _life_s(token), time.monotonic()
        self._token, self._renew_at, self._ends_at = token, now + max(life / 2, life - LEAD_S), now + life


async def _obtained(get_token: GetToken, what: str) -> str:
    try:
        async with asyncio.timeout(FETCH_S):
            return await get_token()
    except ConfabError:
        raise
    except Exception as error:
        raise ConfabError("network", f"no {what}: {type(error).__name__}: {error}") from error


def _life_s(token: str) -> float:
    """For how long a token that was just issued is valid; nothing is verified here."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        return min(LONGEST_S, max(1.0, float(claims["exp"] - claims["iat"])))
    except (LookupError, ValueError, TypeError):
        return LONGEST_S  # not a JWT: the server says when it has ended
