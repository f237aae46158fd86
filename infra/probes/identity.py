"""The ID token of the conversation: the operator's, or a throwaway user's."""

import secrets
from contextlib import suppress

import httpx

from infra.probes import sign_in
from infra.probes.clients import fields, request
from infra.probes.probe import Failure
from infra.probes.system import System

FIX_EMULATOR = "start the emulator (make dev), or pass a token: --token"
FIX_NOBODY = "pass one with --token, or --token - to read it from standard input; or --skip conversation"


class Identity:
    """An ID token; deletes the throwaway user at the end.

    The Auth emulator makes one for whoever asks. In the cloud, a system that `signs_up` has one, too.
    """

    def __init__(self, system: System, client: httpx.AsyncClient) -> None:
        self._client = client
        self._system = system
        self._emulator = system.config.auth_emulator_host
        self._user = {"email": f"doctor-{secrets.token_hex(8)}@example.com", "password": secrets.token_hex()}
        self._throwaway: str | None = None
        self._key = "doctor"

    async def token(self) -> str:
        """A token. Raises Failure without one, because a conversation that was not tried may not work."""
        if self._system.token is not None:
            return self._system.token
        if self._emulator is None and not self._system.signs_up:
            raise Failure("no conversation was tried: it takes a user's ID token", FIX_NOBODY)
        if self._throwaway is None and self._emulator is None:
            self._key = await sign_in.api_key(self._client, self._system.web)
        action = "signUp" if self._throwaway is None else "signInWithPassword"  # which renews it
        self._throwaway = await self._ask(action)
        return self._throwaway

    async def end(self) -> None:
        """Delete the throwaway user, if there is one."""
        if self._throwaway is not None:
            with suppress(httpx.HTTPError):
                await self._client.post(self._url("delete"), json={"idToken": self._throwaway}, timeout=2)

    async def _ask(self, action: str) -> str:
        body = {**self._user, "returnSecureToken": True}
        sent = {"Referer": f"{self._system.web}/"}
        reply = await request(self._client, "POST", self._url(action), FIX_EMULATOR, headers=sent, body=body)
        token = fields(reply).get("idToken")
        if not reply.is_success or not isinstance(token, str):
            who = "the Auth emulator" if self._emulator else "Firebase Auth"
            fix = FIX_EMULATOR if self._emulator else sign_in.FIX_SIGN_IN
            raise Failure(f"{who} responds {reply.status_code} to a sign-up", fix)
        return token

    def _url(self, action: str) -> str:
        base = f"http://{self._emulator}/identitytoolkit.googleapis.com" if self._emulator else None
        return f"{base or sign_in.IDENTITY_TOOLKIT}/v1/accounts:{action}?key={self._key}"
