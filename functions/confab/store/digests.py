"""Digests of texts that the store must recognize and may not keep."""

import hashlib

from confab.store.connection import Connection

READ_KEY = "SELECT VALUE key FROM ONLY secret:digests"


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

    def of(self, text: str) -> str:
        """The digest of a text, after `open`."""
        return hashlib.sha256((self.key + text).encode()).hexdigest()

    @property
    def key(self) -> str:
        """The key, after `open`."""
        assert self._key is not None
        return self._key
