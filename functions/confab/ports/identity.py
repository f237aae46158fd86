"""The ports that say who a caller is, and whether one of our apps is calling."""

from collections.abc import Collection
from typing import Protocol

from confab.domain.models import Principal


class TokenVerifier(Protocol):
    """Verifies the identity of callers."""

    async def verify(self, token: str) -> Principal:
        """The caller that a Firebase ID token stands for.

        Raises Unauthenticated, TokenExpired or TokenRevoked, and Unavailable if the keys or the user
        record cannot be fetched: it fails closed. Accepts one spelling of a token only.
        """

    async def revoked(self, principals: Collection[Principal]) -> Collection[Principal]:
        """Those of these verified callers who are revoked, or could not be looked up for too long."""

    async def check(self) -> None:
        """Return if the keys are available; raises Unavailable."""

    async def close(self) -> None:
        """End threads and connections."""


class AppVerifier(Protocol):
    """Verifies that it is an app of the project that calls."""

    async def verify(self, token: str | None) -> None:
        """Return if this is an App Check token of the project.

        Raises Unauthenticated, and Unavailable if the keys cannot be fetched: it fails closed.
        """

    async def close(self) -> None:
        """End threads and connections."""
