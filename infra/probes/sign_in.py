"""Probes the sign-in on the deployed page: e-mail and password at Firebase Auth."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import httpx

from infra.probes.clients import fields, http_client, request
from infra.probes.probe import Failure, Probe
from infra.probes.system import System

IDENTITY_TOOLKIT = "https://identitytoolkit.googleapis.com"
UNKNOWN = ("INVALID_LOGIN_CREDENTIALS", "EMAIL_NOT_FOUND", "INVALID_PASSWORD", "TOO_MANY_ATTEMPTS_TRY_LATER")
"""Firebase Auth's rejections of an unknown user, if sign-in with a password is enabled."""
FIX_WEB_APP = "register a web app: firebase apps:create WEB confab --project PROJECT, linked to this site"
FIX_SIGN_IN = (
    "enable Authentication with Email/Password in the Firebase console; if your own page signs users in"
    " otherwise, pass --skip sign-in"
)


@asynccontextmanager
async def sign_in(system: System) -> AsyncIterator[Sequence[Probe]]:
    """Users can sign in; no probe if the Auth emulator is in use."""
    async with http_client() as client:
        probes = [
            Probe("web app", partial(registered, client, system.web), FIX_WEB_APP),
            Probe("sign-in", partial(rejects, client, system.web), FIX_SIGN_IN, after=("web app",)),
        ]
        yield [] if system.config.auth_emulator_host else probes


async def api_key(client: httpx.AsyncClient, web: str) -> str:
    """The project's API key, which Hosting gives every page. Raises Failure."""
    url = f"{web}/__/firebase/init.json"
    key = fields(await request(client, "GET", url, FIX_WEB_APP)).get("apiKey")
    if not isinstance(key, str) or not key:
        raise Failure(f"{url} has no API key")
    return key


async def registered(client: httpx.AsyncClient, web: str) -> str:
    """Hosting gives the page the project's API key."""
    await api_key(client, web)
    return "the page gets the project's API key"


async def rejects(client: httpx.AsyncClient, web: str) -> str:
    """Firebase Auth accepts e-mail and password: it rejects an unknown user as unknown."""
    url = f"{IDENTITY_TOOLKIT}/v1/accounts:signInWithPassword?key={await api_key(client, web)}"
    nobody = {"email": "nobody@example.com", "password": "nobody"}
    headers = {"Referer": f"{web}/"}
    response = await request(client, "POST", url, FIX_SIGN_IN, headers=headers, body=nobody)
    error = fields(response).get("error")
    reason = str(error.get("message")) if isinstance(error, dict) else f"status {response.status_code}"
    if not reason.startswith(UNKNOWN):
        raise Failure(f"Firebase Auth responds {reason}")
    return "Firebase Auth accepts e-mail and password"
