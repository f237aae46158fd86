"""The system that is examined: where its parts are, and as whom to talk to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from confab.config import Config
from infra.doctor.check import ANSWER_S


@dataclass(frozen=True, slots=True)
class Site:
    """A running system, as `infra.doctor.whereabouts` has found it out."""

    config: Config
    web: str
    """The address of Hosting, without a slash at its end."""
    realtime: tuple[str, ...]
    """The addresses of the realtime instances, of all cells."""
    token: str | None = None
    """An ID token to hold a conversation with; without one the Auth emulator is asked for a user."""


@asynccontextmanager
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client with the doctor's patience."""
    async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False) as client:
        yield client
