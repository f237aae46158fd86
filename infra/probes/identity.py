"""The ID token of the conversation: the operator's, or a throwaway user's of the Auth emulator."""

from contextlib import suppress

import httpx

from infra.probes.clients import fields, request
from infra.probes.probe import Failure
from infra.probes.system import System

FIX_EMULATOR = "start the emulator (make dev), or pass a token: --token"
FIX_NOBODY = "pass one with --token, or --token - to read it from standard input; or --skip conversation"


class Identity:
    """An ID token; deletes the throwaway user at the end."""

    def __init__(self, system: System, client: httpx.AsyncClient) -> None:
        self._client = client
        self._emulator = system.config.auth_emulator_host
        self._given = system.token
        self._throwaway: str | None = None

    async def token(self) -> str:
        """The token. Raises Failure without one, because a conversation that was not tried may not work."""
        if self._given is not None:
            return self._given
        if self._emulator is None:
            raise Failure("no conversation was tried: it takes a user's ID token", FIX_NOBODY)
        if self._throwaway is None:
            self._throwaway = await self._sign_up()
        return self._throwaway

    async def end(self) -> None:
        """Delete the throwaway user, if there is one."""
        if self._throwaway is not None:
            with suppress(httpx.HTTPError):
                await self._client.post(self._url("delete"), json={"idToken": self._throwaway}, timeout=2)

    async def _sign_up(self) -> str:
        body = {"returnSecureToken": True}
        response = await request(self._client, "POST", self._url("signUp"), FIX_EMULATOR, body=body)
        token = fields(response).get("idToken")
        if not response.is_success or not isinstance(token, str):
            raise Failure(f"the Auth emulator responds {response.status_code} to a sign-up", FIX_EMULATOR)
        return token

    def _url(self, action: str) -> str:
        return f"http://{self._emulator}/identitytoolkit.googleapis.com/v1/accounts:{action}?key=doctor"
