"""The log in SurrealDB."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json
from surrealdb import RecordID

from confab.domain.access import NO_CONVERSATION
from confab.domain.errors import NotFound, Unavailable
from confab.domain.models import Conversation, Draft, Entry, Page, Status, Wire
from confab.ports import ANY_SIZE, Appended, Closed, Created, Cursor
from confab.store import rows, schema, statements
from confab.store.connection import Connection, Timing
from confab.store.group_commit import GroupCommit
from confab.store.reads import Entries, PageKey, Pages, Range
from confab.store.session import Account

KEY_LIFETIME = timedelta(hours=25)
"""How long an idempotency key is kept: the promised 24 hours, and one for clocks that disagree."""


class SurrealStore:
    """Implements `Store` over a SurrealDB server whose schema this code works with."""

    def __init__(self, account: Account, *, timing: Timing | None = None) -> None:
        self._connection = Connection(account, prepare=schema.require, timing=timing)
        self._appends = GroupCommit(self._connection)
        self._pages = Pages(self._connection)
        self._entries = Entries(self._connection)

    async def create(self, conversation: Conversation, key: str | None, *, now: datetime) -> Created:
        """Safe to repeat: a new conversation's id is its own."""
        variables = {
            "conversation": RecordID("conversation", conversation.id),
            "content": rows.conversation_content(conversation),
            "owner": conversation.owner,
            "participants": list(conversation.participants),
            "place": rows.activity_key(conversation.updated_at, conversation.id),
            "key": key,
            "now": now,
            "horizon": now - KEY_LIFETIME,
        }
        stored = rows.conversation_of(from_json(await self._connection.query(statements.CREATE, variables)))
        return Created(stored, new=stored.id == conversation.id)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        variables = {"conversation": RecordID("conversation", conversation_id)}
        row = from_json(await self._connection.query(statements.CONVERSATION, variables))
        return None if row is None else rows.conversation_of(row)

    async def page(
        self,
        conversation_id: str,
        reader: str,
        limit: int,
        *,
        after: int | None = None,
        before: int | None = None,
        max_chars: int = ANY_SIZE,
    ) -> Page | None:
        page = await self._pages.read(PageKey(conversation_id, limit, after, before, max_chars, reader))
        return page if page is not None and reader in page.conversation.participants else None

    async def entries(self, conversation_id: str, first: int, last: int) -> list[Entry]:
        return list(await self._entries.read(Range(conversation_id, first, last)))

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, int]:
        logs = json.dumps([{"log": one} for one in conversation_ids])
        return dict(from_json(await self._connection.query(statements.HEADS, {"logs": logs})))

    async def conversations(
        self, user: str, *, status: Status | None, after: Cursor | None, limit: int
    ) -> list[Wire]:
        """One round trip; a second if a conversation has moved ahead of the cursor since it was recorded."""
        start = reached = "" if after is None else rows.activity_key(after.updated_at, after.conversation_id)
        found: dict[str, Mapping[str, Any]] = {}  # by activity key, of which no two are the same
        while True:
            variables: dict[str, Any] = {
                "user": user,
                "after": reached,
                "active": 0 if status == "finalized" else limit,
                "finalized": 0 if status == "active" else limit,
                "digits": rows.KEY_DIGITS,
                "window": statements.LISTING_WINDOW_MS,
            }
            text, last = await self._connection.query(statements.LISTING, variables)
            for row in from_json(text):
                key = rows.activity_key(datetime.fromisoformat(row["updated_at"]), row["id"])
                if key > start and status in (None, "finalized" if row.get("finalized_at") else "active"):
                    found[key] = row
            first = sorted(found)[:limit]
            reached = last  # all that belong up to here are found
            if reached is None or (len(first) == limit and first[-1] <= reached):
                return [rows.conversation_wire(found[key]) for key in first]

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        return await self._appends.append(draft, now=now)

    async def finalize(self, conversation_id: str, *, now: datetime) -> Closed:
        """Safe to repeat: the record names the attempt that closed the log."""
        attempt = secrets.token_hex(8)  # names this call through all its tries
        variables = {
            "conversation": RecordID("conversation", conversation_id),
            "now": now,
            "attempt": attempt,
            "end_of_time": rows.END_OF_TIME_MS,
        }
        found = await self._connection.query(statements.FINALIZE, variables)
        if found is None:
            raise NotFound(NO_CONVERSATION)
        row = from_json(found)
        new = row["finalized_by"] == attempt
        return Closed(rows.conversation_of(row), rows.finalized_of(row), new=new)

    @property
    def conflicts(self) -> int:
        return self._connection.conflicts

    async def check(self) -> None:
        if (wrong := schema.trouble(await self._connection.query(schema.READ, {}))) is not None:
            raise Unavailable(wrong)

    async def close(self) -> None:
        await self._connection.close()
