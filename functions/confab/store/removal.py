"""Removes conversations and users from the store, a bounded number of records at a time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from surrealdb import RecordID

from confab.domain.models import Conversation
from confab.ports.removal import Emptied, Erasure
from confab.store import statements
from confab.store.connection import Connection
from confab.store.digests import Digests

STEP = 64
"""Messages, and as many other entries, of one transaction, which holds the store for 10 to 20 ms."""
TOMBSTONES = "SELECT VALUE [kind, record::id(id), <string>at] FROM tombstone"
INACTIVE_PER_READ = 20
ERASURES_PER_READ = 50


class SurrealRemoval:
    """The `Removal` port. Every step is safe to repeat: what is gone is not there the second time."""

    def __init__(self, connection: Connection, digests: Digests) -> None:
        self._connection = connection
        self._digests = digests

    async def delete(
        self, conversation: Conversation, *, now: datetime, only_if_silent: bool = False
    ) -> bool:
        await self._digests.open()
        return bool(
            await self._connection.query(
                statements.DELETE_CONVERSATION,
                {
                    "conversation": RecordID("conversation", conversation.id),
                    "revision": conversation.revision,
                    "seq": conversation.seq if only_if_silent else None,
                    "digest": self._digests.of(conversation.id),
                    "now": now,
                },
                safe_to_resend=False,  # a repeated one would find nothing
            )
        )

    async def inactive(self, before: datetime) -> Sequence[str]:
        found: Sequence[str] = await self._query(statements.INACTIVE, before=before, limit=INACTIVE_PER_READ)
        return found

    async def purge(self) -> bool:
        await self._digests.open()
        return bool(await self._query(statements.PURGE, limit=STEP, key=self._digests.key))

    async def begin(self, uid: str, *, now: datetime) -> str | None:
        await self._digests.open()
        digest = self._digests.of(uid)
        found: tuple[str, str | None] = await self._query(
            statements.NEXT_ERASURE, user=uid, digest=digest, now=now
        )
        return found[1] or None  # NULL is falsy, and not None

    async def unfinished(self, *, now: datetime) -> tuple[str | None, str | None]:
        uid, found = await self._query(statements.NEXT_ERASURE, user=None, digest=None, now=now)
        return uid or None, found or None

    async def leave_finalized(self, uid: str, conversation_id: str) -> None:
        conversation = RecordID("conversation", conversation_id)
        await self._query(statements.LEAVE_FINALIZED, user=uid, conversation=conversation)

    async def empty(self, uid: str, conversation_id: str, *, now: datetime) -> Emptied:
        await self._digests.open()
        messages, done = await self._query(
            statements.ERASE,
            user=uid,
            conversation=RecordID("conversation", conversation_id),
            limit=STEP,
            key=self._digests.key,
            now=now,
        )
        return Emptied(messages, done)

    async def erasures(self, conversation_id: str, after: int) -> Sequence[Erasure]:
        found = await self._query(
            statements.ERASURES, conversation=conversation_id, after=after, limit=ERASURES_PER_READ
        )
        return [Erasure(number, seqs) for number, seqs in found]

    async def tombstones(self) -> Sequence[tuple[str, str, str]]:
        """What was erased since the store was made: its kind, its digest, and when."""
        found: Sequence[tuple[str, str, str]] = await self._query(TOMBSTONES)
        return found

    async def conversations_among(self, digests: Collection[str]) -> Sequence[str]:
        """The conversations whose ids have one of these digests. Reads all of the store."""
        return await self._among("SELECT VALUE record::id(id) FROM conversation", digests)

    async def users_among(self, digests: Collection[str]) -> Sequence[str]:
        """The users whose uids have one of these digests. Reads all of the store."""
        return await self._among("SELECT VALUE user FROM participation GROUP BY user", digests)

    async def _among(self, statement: str, digests: Collection[str]) -> Sequence[str]:
        await self._digests.open()
        return [text for text in await self._query(statement) if self._digests.of(text) in digests]

    async def _query(self, statement: str, **variables: Any) -> Any:
        return await self._connection.query(statement, variables)
