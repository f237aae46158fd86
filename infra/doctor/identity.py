"""Whose token a conversation is held with: the operator's, or a throwaway user's of the Auth emulator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx

from infra.doctor.check import Fault
from infra.doctor.site import Site
from infra.doctor.web import asked, fields_of

MEND = (
    "start the emulator (locally: make dev), mend FIREBASE_AUTH_EMULATOR_HOST, or bring a token with --token"
)
MEND_NOBODY = "bring one with --token, or --token - to read it from standard input; or --skip conversation"


class Identity:
    """An ID token. What was made for it is deleted at the end."""

    def __init__(self, site: Site, client: httpx.AsyncClient) -> None:
        self._client = client
        self._emulator = site.config.auth_emulator_host
        self._given = site.token
        self._made: str | None = None

    async def token(self) -> str:
        """The token. Raises Fault if there is no way to one: what was not tried is not known to be well."""
        if self._given is not None:
            return self._given
        if self._emulator is None:
            raise Fault("no conversation was tried: it takes a user's ID token", MEND_NOBODY)
        if self._made is None:
            self._made = await self._sign_up()
        return self._made

    async def end(self) -> None:
        """Delete the throwaway user, if one was made."""
        if self._made is not None:
            with suppress(httpx.HTTPError):
                await self._client.post(self._url("delete"), json={"idToken": self._made}, timeout=2)

    async def _sign_up(self) -> str:
        wish = {"returnSecureToken": True}
        answer = await asked(self._client, "POST", self._url("signUp"), MEND, fields=wish)
        token = fields_of(answer).get("idToken")
        if not answer.is_success or not isinstance(token, str):
            raise Fault(f"the Auth emulator answers {answer.status_code} to a sign-up", MEND)
        return token

    def _url(self, action: str) -> str:
        return f"http://{self._emulator}/identitytoolkit.googleapis.com/v1/accounts:{action}?key=doctor"


@asynccontextmanager
async def identity(site: Site, client: httpx.AsyncClient) -> AsyncIterator[Identity]:
    """An identity, as long as it is needed."""
    who = Identity(site, client)
    try:
        yield who
    finally:
        await who.end()
