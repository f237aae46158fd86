"""Group commit: appends that wait while the store is busy are stored in one transaction.

What an append costs the store is mostly its transaction, not its record. Each draft of a batch
has a result of its own. A conversation that others write to at the same time may need many
tries: it is retried in a task of its own, so that other conversations are not delayed.
"""

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, chain
from typing import Any

from pydantic_core import from_json

from confab.aio import Batch, Batcher, Fits, Pending, fan_out, up_to
from confab.domain.access import NO_CONVERSATION
from confab.domain.errors import ConversationFinalized, NotFound, Unavailable
from confab.domain.models import Draft, from_milliseconds, milliseconds
from confab.ports import Appended
from confab.store import rows, statements
from confab.store.connection import MAX_WAITING, NO_ANSWER, Aborted, Connection

CLOSED_LOG = "This conversation is finalized."
BATCH_DRAFTS = 64
BATCH_CHARACTERS = 512 * 1024
"""Of content in one transaction; a single draft may have more."""


@dataclass(eq=False, slots=True)
class Append:
    """A draft to store, and the time of its call."""

    draft: Draft
    now: datetime
    attempt: str
    """An id for this append, the same in all its tries."""

    @property
    def key(self) -> tuple[str, str, str] | None:
        """What identifies a retry of the draft; None without a client message id."""
        draft = self.draft
        if draft.client_message_id is None:
            return None
        return draft.conversation_id, draft.author, draft.client_message_id


_Batch = Batch[Append, Appended]


class GroupCommit:
    """Stores the drafts of this process in batches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._retrying: dict[str, asyncio.Task[None]] = {}
        """By conversation; later drafts of these are held until the retries end."""
        self._batcher = Batcher[Append, Appended](
            self._send,
            bounds=_bounds,
            held=lambda append: append.draft.conversation_id in self._retrying,
            unavailable=lambda: Unavailable(NO_ANSWER),
            deadline_s=connection.timing.overall,
            max_waiting=MAX_WAITING,
        )

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        """Without a client message id a draft is sent once: a retry could store it twice."""
        return await self._batcher.submit(Append(draft, now, secrets.token_hex(8)))

    async def _send(self, batch: _Batch) -> None:
        """Store the batch. If its transaction is aborted, nothing has happened: retry by conversation."""
        try:
            await self._store(batch, retry_conflicts=False)
        except Aborted:
            for conversation_id, part in _by_conversation(batch).items():
                retrying = asyncio.create_task(self._retry(conversation_id, part), context=Context())
                self._retrying[conversation_id] = retrying

    async def _retry(self, conversation_id: str, part: _Batch) -> None:
        try:
            await fan_out(self._retry_until_deadline, part)
        finally:
            del self._retrying[conversation_id]
            self._batcher.wake()

    async def _retry_until_deadline(self, part: _Batch) -> None:
        """Try until the deadline; drafts that the server refuses together are tried one by one."""
        try:
            await self._store(part, retry_conflicts=True)
        except Aborted:
            if len(part) == 1:
                raise
            for pending in part:
                await fan_out(self._retry_until_deadline, [pending])

    async def _store(self, batch: _Batch, *, retry_conflicts: bool) -> None:
        """Store the drafts that can be stored and settle all, unless the server's last answer is Aborted."""
        while batch := [pending for pending in batch if not pending.settled]:
            safe_to_resend = all(pending.item.key is not None for pending in batch)
            logs = _by_conversation(batch)
            try:
                answer = await self._connection.query(
                    statements.APPEND,
                    _variables(logs),
                    deadline=max(pending.deadline for pending in batch),
                    safe_to_resend=safe_to_resend,
                    retry_conflicts=retry_conflicts,
                )
            except Aborted:
                raise
            except Unavailable as error:
                again = [] if safe_to_resend else [one for one in batch if one.item.key is not None]
                for pending in batch:
                    if pending not in again:
                        pending.fail(error)
                self._batcher.again(again)
                return
            found = from_json(answer)
            if isinstance(found, list):
                _settle_stored(chain(*logs.values()), found)
            else:
                _settle_refused(batch, found)


def _bounds() -> Fits[Append]:
    """A batch has no key twice, so that a retry finds the first draft stored."""
    keys: set[object] = set()
    small = up_to(BATCH_DRAFTS, BATCH_CHARACTERS, _characters)()

    def fits(append: Append) -> bool:
        if append.key in keys:
            return False
        if append.key is not None:
            keys.add(append.key)
        return small(append)

    return fits


def _characters(append: Append) -> int:
    return len(append.draft.content)


def _by_conversation(batch: _Batch) -> Mapping[str, _Batch]:
    """The drafts of each conversation, in order."""
    parts = defaultdict[str, list[Pending[Append, Appended]]](list)
    for pending in batch:
        parts[pending.item.draft.conversation_id].append(pending)
    return parts


def _variables(logs: Mapping[str, _Batch]) -> dict[str, Any]:
    """The variables of the statement `APPEND`."""
    drafts: list[dict[str, Any]] = []
    grown = []
    for conversation_id, part in logs.items():
        times = list(accumulate((milliseconds(pending.item.now) for pending in part), max))
        for number, (pending, at) in enumerate(zip(part, times, strict=True), 1):
            append = pending.item
            drafts.append(
                {
                    "log": conversation_id,
                    "number": number,
                    "at": at,
                    "content": rows.draft_content(append.draft),
                    "key": append.key,
                    "attempt": append.attempt,
                }
            )
        grown.append({"log": conversation_id, "count": len(part), "at": times[-1]})
    batch = json.dumps({"logs": grown, "drafts": drafts})
    return {"batch": batch, "window": statements.LISTING_WINDOW_MS, "end_of_time": rows.END_OF_TIME_MS}


def _settle_stored(stored: Iterable[Pending[Append, Appended]], numbered: Sequence[tuple[int, int]]) -> None:
    """Answer each draft with the message that it became."""
    for pending, (seq, at) in zip(stored, numbered, strict=True):
        message = pending.item.draft.numbered(seq, from_milliseconds(at))
        pending.answer(Appended(message, new=True))


def _settle_refused(batch: _Batch, found: Mapping[str, Any]) -> None:
    """Settle the drafts that kept the batch from being stored, of which there is at least one."""
    messages = {(one.conversation_id, one.seq): one for one in map(rows.message_of, found["messages"])}
    sent = {tuple(key): (attempt, messages[key[0], seq]) for key, attempt, seq in found["sent"]}
    for pending in batch:
        append = pending.item
        if append.draft.conversation_id not in found["open"] + found["closed"]:
            pending.fail(NotFound(NO_CONVERSATION))
        elif append.key in sent:
            attempt, message = sent[append.key]
            pending.answer(Appended(message, new=attempt == append.attempt))
        elif append.draft.conversation_id in found["closed"]:
            pending.fail(ConversationFinalized(CLOSED_LOG))
    assert any(pending.settled for pending in batch), (
        "the statement stores all, or names one that it cannot store"
    )
