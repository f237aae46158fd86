"""The log in SurrealDB."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json
from surrealdb import RecordID

from confab.domain.access import NO_CONVERSATION
from confab.domain.changes import ConversationChange, MessageChange
from confab.domain.entries.message import Draft, Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.errors import IdempotencyConflict, NotFound, Unavailable
from confab.domain.models import (
    ANOTHER_CONVERSATION,
    Conversation,
    LogPage,
    Page,
    Status,
    Wire,
    from_milliseconds,
)
from confab.ports.store import ANY_SIZE, Appended, Created, Cursor, Excerpt, Head
from confab.store import rows, schema, statements, users
from confab.store.connection import Connection, Timing
from confab.store.digests import Digests
from confab.store.group_commit import GroupCommit
from confab.store.reads import LogKey, Logs, PageKey, Pages
from confab.store.removal import SurrealRemoval
from confab.store.session import ROLLED_BACK, Account, Session

KEY_LIFETIME = timedelta(hours=25)
"""How long an idempotency key is kept: the promised 24 hours, and one for clocks that disagree."""


class SurrealStore:
    """Implements `Store` over a SurrealDB server whose schema this code works with."""

    def __init__(self, account: Account, *, timing: Timing | None = None) -> None:
        self._connection = Connection(account, prepare=self._prepare, timing=timing)
        self._digests = Digests(self._connection)
        self._appends = GroupCommit(self._connection, self._digests)
        self._pages = Pages(self._connection)
        self._logs = Logs(self._connection)
        self.removal = SurrealRemoval(self._connection, self._digests)

    async def create(self, conversation: Conversation, key: str | None, *, now: datetime) -> Created:
        """Safe to repeat: a new conversation's id is its own."""
        await self._digests.open()
        body = self._digests.of(conversation.body)
        variables = {
            "conversation": RecordID("conversation", conversation.id),
            "content": rows.conversation_content(conversation),
            "owner": conversation.owner,
            "participants": list(conversation.participants),
            "place": rows.activity_key(conversation.updated_at, conversation.id),
            "key": key,
            "body": body,
            "now": now,
            "horizon": now - KEY_LIFETIME,
        }
        row, first = from_json(await self._connection.query(statements.CREATE, variables))
        stored = row and rows.conversation_of(row)
        if stored is None or conversation.owner not in stored.participants:
            raise NotFound(NO_CONVERSATION)
        new = stored.id == conversation.id
        if not new and (body != first if first else conversation.body != stored.body):
            raise IdempotencyConflict(ANOTHER_CONVERSATION)
        return Created(stored, new=new)

    async def conversation(self, conversation_id: str, reader: str | None = None) -> Conversation | None:
        variables = {"conversation": RecordID("conversation", conversation_id), "reader": reader}
        row = from_json(await self._connection.query(statements.CONVERSATION, variables))
        return None if row is None else rows.conversation_of(row)

    async def message(
        self, conversation_id: str, seq: int, reader: str | None = None
    ) -> tuple[Conversation | None, Message | None]:
        variables = {
            "conversation": RecordID("conversation", conversation_id),
            "seq": seq,
            "reader": reader,
        }
        found, message = from_json(await self._connection.query(statements.MESSAGE, variables))
        return found and rows.conversation_of(found), message and rows.message_of(message)

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

    async def log(
        self, conversation_id: str, reader: str, limit: int, *, after: int, max_chars: int = ANY_SIZE
    ) -> LogPage | None:
        return await self._logs.page(LogKey(conversation_id, after, limit, max_chars, reader))

    async def entries(self, conversation_id: str, first: int, last: int) -> Excerpt | None:
        after = max(first, 1) - 1
        return await self._logs.excerpt(LogKey(conversation_id, after, max(last - after, 0)))

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        logs = json.dumps([{"log": one} for one in conversation_ids])
        found = from_json(await self._connection.query(statements.HEADS, {"logs": logs}))
        return {conversation_id: Head(*head) for conversation_id, *head in found}

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

    async def change_conversation(self, change: ConversationChange, *, now: datetime) -> Conversation | None:
        """Sent once: a repeated one would find its own change, and take it for somebody else's."""
        changes = change.changes
        variables = {
            "conversation": RecordID("conversation", change.before.id),
            "revision": change.before.revision,
            "columns": rows.changed_conversation(change),
            "changes": None if changes is None else changes.wire(),
            "participants": list(change.after.participants),
            "left": [] if changes is None else list(changes.removed),
            "by": change.by,
            "now": now,
            "end_of_time": rows.END_OF_TIME_MS,
            "window": statements.LISTING_WINDOW_MS,
        }
        found = await self._connection.query(statements.CHANGE_CONVERSATION, variables, safe_to_resend=False)
        return None if found is None else rows.conversation_of(from_json(found))

    async def change_message(self, change: MessageChange, *, now: datetime) -> MessageChanged | None:
        """Safe to repeat: once it is stored, the message is another one."""
        await self._digests.open()
        message = change.before
        sent = digest = None
        if message.client_message_id is not None:
            digest = self._digests.of(message.client_message_id)
            sent = RecordID("sent", [message.conversation_id, message.author, digest])
        variables = {
            "conversation": RecordID("conversation", message.conversation_id),
            "revision": change.conversation.revision,
            "ordinal": message.ordinal,
            "version": message.version,
            "columns": rows.changed_message(change),
            "deletes": change.edit is None,
            "sent": sent,
            "sent_digest": digest,
            "body": None if sent is None or change.edit is None else self._digests.of(message.body),
            "by": change.by,
            "now": now,
        }
        found = await self._connection.query(statements.CHANGE_MESSAGE, variables)
        if found is None:
            return None
        seq, at = from_json(found)
        return change.entry(seq, from_milliseconds(at))

    @property
    def conflicts(self) -> int:
        return self._connection.conflicts

    def pseudonym(self, uid: str) -> str | None:
        return self._digests.pseudonym(uid)

    async def check(self) -> None:
        if (wrong := schema.trouble(await self._connection.query(schema.READ, {}))) is not None:
            raise Unavailable(wrong)
        if await self._connection.query(users.WRITE, {}) != ROLLED_BACK:
            raise Unavailable(users.READ_ONLY)

    async def _prepare(self, session: Session) -> None:
        await schema.require(session)
        await self._digests.learn(session)

    async def close(self) -> None:
        await self._connection.close()
