"""Digests of texts that the store must recognize and may not keep."""

import hashlib
import hmac

from confab.store.connection import Connection
from confab.store.session import Session

READ_KEY = "SELECT VALUE key FROM ONLY secret:digests"
PSEUDONYM_DIGITS = 16
"""Hexadecimal digits of a pseudonym: among a billion users, two have the same one with a chance of 3 %."""


class Digests:
    """SHA-256 over the store's own key and a text, in hexadecimal digits.

    Without the key, whoever sees digests cannot find the texts by trying. Nobody is sent one, so
    that a digest could be extended does not matter, and the database can compute the same.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._key: str | None = None

    async def open(self) -> None:
        """Read the key, which never changes, unless it is known. Raises Unavailable."""
        if self._key is None:
            self._key = await self._connection.query(READ_KEY, {})

    async def learn(self, session: Session) -> None:
        """Read the key with this session, unless it is known."""
        if self._key is None:
            self._key = await session.query(READ_KEY, {})

    def of(self, text: str) -> str:
        """The digest of a text, after `open`."""
        return hashlib.sha256((self.key + text).encode()).hexdigest()

    def pseudonym(self, uid: str) -> str | None:
        """What stands for a user where operators look; None before `open` or `learn`."""
        if self._key is None:
            return None
        return hmac.digest(self._key.encode(), f"user {uid}".encode(), "sha256").hex()[:PSEUDONYM_DIGITS]

    @property
    def key(self) -> str:
        """The key, after `open`."""
        assert self._key is not None
        return self._key
