"""Users of the Firebase Auth emulator and their ID tokens."""

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.processes import NO_TLS
from tests.support.users import PROJECT
from tests.support.users import user as unsigned

OWNER = {"Authorization": "Bearer owner"}  # the emulator's administrator


@dataclass
class User:
    """A signed-up user."""

    uid: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class AuthEmulator:
    """The emulator's REST API, as far as tests need it."""

    def __init__(self, url: str) -> None:
        self._accounts = f"{url}/identitytoolkit.googleapis.com/v1/accounts"
        self._admin = f"{url}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts"

    async def user(self, **claims: Any) -> User:
        """A new user, with custom claims if some are given."""
        custom = json.dumps({"uid": uuid.uuid4().hex, "claims": claims})  # the emulator takes it unsigned
        async with httpx.AsyncClient() as http:
            made = await self._post(http, f"{self._accounts}:signInWithCustomToken", {"token": custom})
        return User(json.loads(custom)["uid"], made["idToken"])

    async def revoke(self, user: User) -> None:
        """Sign the user out everywhere."""
        async with httpx.AsyncClient(verify=NO_TLS) as http:
            changed = {"localId": user.uid, "validSince": str(int(time.time()) + 2)}
            await self._post(http, f"{self._admin}:update", changed)

    async def _post(self, http: httpx.AsyncClient, url: str, fields: dict[str, Any]) -> dict[str, Any]:
        headers = OWNER if url.startswith(self._admin) else {}
        answer = await http.post(
            url, params={"key": "demo"}, json={"returnSecureToken": True} | fields, headers=headers
        )
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body


def expired(user: User) -> User:
    """The user with a token that ran out an hour ago; the emulator's tokens are unsigned, too."""
    return User(user.uid, unsigned(user.uid, -3_600, age_s=7_200).token)
