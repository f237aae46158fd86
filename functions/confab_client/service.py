"""Signs in as a service identity: an assistant, a bot or a backend of yours."""

import asyncio
import os
import uuid
from collections.abc import Mapping
from typing import Any

import firebase_admin
import httpx
from firebase_admin import auth, exceptions
from google.auth.exceptions import GoogleAuthError

from confab_client.errors import ConfabError

EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
GOOGLE = "https://identitytoolkit.googleapis.com"
AGENT: Mapping[str, Any] = {"agent": True}
BUSY = 429


class ServiceIdentity:
    """A `get_token`: makes a custom token for the uid, and exchanges it for an ID token.

    Custom tokens are signed with the application default credentials, which need the role
    `iam.serviceAccountTokenCreator` on themselves, and exchanged with the project's web `api_key`. With the
    Auth emulator, at `emulator_host` or FIREBASE_AUTH_EMULATOR_HOST, neither is needed.
    """

    def __init__(
        self,
        uid: str,
        *,
        project: str | None = None,
        api_key: str = "emulator",
        emulator_host: str | None = None,
        claims: Mapping[str, Any] = AGENT,
    ) -> None:
        if emulator_host is not None:  # firebase-admin reads it from nowhere else
            os.environ[EMULATOR] = emulator_host
        host = os.environ.get(EMULATOR)
        base = f"http://{host}/identitytoolkit.googleapis.com" if host else GOOGLE
        self._url = f"{base}/v1/accounts:signInWithCustomToken"
        self._uid, self._project, self._claims, self._api_key = uid, project, dict(claims), api_key
        self._app: firebase_admin.App | None = None

    async def __call__(self) -> str:
        """An ID token that was just issued. Raises ConfabError, `signed_out` if trying again is in vain."""
        try:
            custom = await asyncio.to_thread(self._custom_token)
            async with httpx.AsyncClient(trust_env=GOOGLE in self._url) as http:
                body = {"token": custom, "returnSecureToken": True}
                response = await http.post(self._url, params={"key": self._api_key}, json=body)
        except (httpx.HTTPError, auth.TokenSignError, exceptions.FirebaseError, GoogleAuthError) as error:
            raise ConfabError("network", f"Firebase Auth: {type(error).__name__}: {error}") from error
        except ValueError as error:
            raise ConfabError("signed_out", str(error)) from error
        if response.is_success:
            return str(response.json()["idToken"])
        passing = response.status_code == BUSY or response.is_server_error
        code = "unavailable" if passing else "signed_out"
        raise ConfabError(code, f"Firebase Auth responds {response.text[:300]}", status=response.status_code)

    def _custom_token(self) -> str:
        if self._app is None:
            options = {"projectId": self._project} if self._project else None
            self._app = firebase_admin.initialize_app(options=options, name=f"confab-{uuid.uuid4().hex}")
        return bytes(auth.Client(self._app).create_custom_token(self._uid, self._claims)).decode()
