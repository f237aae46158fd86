"""The log in SurrealDB."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from confab.domain.access import NO_CONVERSATION
from confab.domain.errors import NotFound, Unavailable
from confab.domain.models import Conversation, Draft, Entry, MessageView, Status
from confab.ports import Appended, Closed, Created, End, Place
from confab.store import listing, records, schema, statements
from confab.store.connection import Connection, Timing
from confab.store.entries import Entries, Range
from confab.store.group_commit import GroupCommit
from confab.store.newest import Newest, PageKey
from confab.store.session import Account

KEY_LIFETIME = timedelta(hours=25)
"""How long an idempotency key is kept: the promised 24 hours, and one for clocks that disagree."""


class SurrealStore:
    """The `Store` port over a SurrealDB server.

    Connects on first use, inside the event loop that uses it, and refuses to work while the
    schema is of another version.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str,
        database: str,
        user: str,
        password: str,
        timing: Timing | None = None,
    ) -> None:
        account = Account(url, namespace, database, user, password)
        self._connection = Connection(account, prepare=schema.require, timing=timing)
        self._appends = GroupCommit(self._connection)
        self._newest = Newest(self._connection)
        self._entries = Entries(self._connection)

    async def create(self, conversation: Conversation, key: str | None, *, now: datetime) -> Created:
        """As the port promises. Safe to repeat: a new conversation's id is its own."""
        variables = {
            "conversation": records.conversation_record(conversation.id),
            "content": records.conversation_content(conversation),
            "owner": conversation.owner,
            "participants": list(conversation.participants),
            "place": records.place(conversation.updated_at, conversation.id),
            "key": key,
            "now": now,
            "horizon": now - KEY_LIFETIME,
        }
        stored = records.conversation_of(await self._connection.query(statements.CREATE, variables))
        return Created(stored, new=stored.id == conversation.id)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """As the port promises."""
        variables = {"conversation": records.conversation_record(conversation_id)}
        row = await self._connection.query(statements.CONVERSATION, variables)
        return None if row is None else records.conversation_of(row)

    async def newest(
        self, conversation_id: str, limit: int, *, enough: int | None = None
    ) -> tuple[Conversation, list[MessageView]] | None:
        """As the port promises; many at once are read together."""
        page = await self._newest.read(PageKey(conversation_id, limit, enough))
        return None if page is None else (page[0], list(page[1]))

    async def messages(
        self,
        conversation_id: str,
        first: int,
        last: int,
        *,
        nearest: End = "last",
        enough: int | None = None,
    ) -> list[MessageView]:
        """As the port promises."""
        variables = {
            "conversation": conversation_id,
            "first": first,
            "last": last,
            "nearest": nearest,
            "enough": enough,
        }
        return records.views_of(await self._connection.query(statements.MESSAGES, variables))

    async def entries(self, conversation_id: str, first: int, last: int) -> list[Entry]:
        """As the port promises; many ranges at once are read together."""
        return list(await self._entries.read(Range(conversation_id, first, last)))

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, int]:
        """As the port promises."""
        variables = {"conversations": [records.conversation_record(one) for one in conversation_ids]}
        rows = await self._connection.query(statements.HEADS, variables)
        return {row["id"].id: row["seq"] for row in rows}

    async def conversations(
        self, user: str, *, status: Status | None, behind: Place | None, limit: int
    ) -> list[Conversation]:
        """As the port promises."""
        return await listing.conversations(self._connection, user, status=status, behind=behind, limit=limit)

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        """As the port promises; many at once go to the server together."""
        return await self._appends.append(draft, now=now)

    async def finalize(self, conversation_id: str, *, now: datetime) -> Closed:
        """As the port promises. Safe to repeat: the record names the attempt that closed the log."""
        attempt = secrets.token_hex(8)  # names this call through all its tries
        variables = {
            "conversation": records.conversation_record(conversation_id),
            "now": now,
            "attempt": attempt,
            "beyond": records.BEYOND,
        }
        row = await self._connection.query(statements.FINALIZE, variables)
        if row is None:
            raise NotFound(NO_CONVERSATION)
        conversation = records.conversation_of(row)
        new = row["finalized_by"] == attempt
        return Closed(conversation, records.finalized_of(conversation), new=new)

    @property
    def conflicts(self) -> int:
        """As the port promises."""
        return self._connection.conflicts

    async def check(self) -> None:
        """As the port promises."""
        if (wrong := schema.trouble(await self._connection.query(schema.READ, {}))) is not None:
            raise Unavailable(wrong)

    async def close(self) -> None:
        """As the port promises."""
        await self._connection.close()
