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
from datetime import datetime
from itertools import accumulate, chain
from typing import Any

from pydantic_core import from_json

from confab.aio import Batch, Batcher, Fits, Pending, fan_out, up_to
from confab.domain import access
from confab.domain.entries.message import Draft
from confab.domain.errors import ConfabError, Unavailable
from confab.domain.models import from_milliseconds, milliseconds
from confab.ports.store import Appended
from confab.store import rows, statements
from confab.store.connection import MAX_WAITING, NO_ANSWER, Aborted, Connection
from confab.store.digests import Digests
from confab.store.refusals import Append, Refusals

BATCH_DRAFTS = 64
BATCH_CHARACTERS = 512 * 1024
"""Of content in one transaction; a single draft may have more."""


_Batch = Batch[Append, Appended]


class GroupCommit:
    """Stores the drafts of this process in batches."""

    def __init__(self, connection: Connection, digests: Digests) -> None:
        self._connection = connection
        self._digests = digests
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
                await self._digests.open()
                variables = _variables(logs, self._digests)
                deadline = max(pending.deadline for pending in batch)
                stored = await self._connection.query(
                    statements.APPEND,
                    variables,
                    deadline=deadline,
                    safe_to_resend=safe_to_resend,
                    retry_conflicts=retry_conflicts,
                )
                if stored is None:
                    batch_only = {"batch": variables["batch"]}
                    why = await self._connection.query(statements.REFUSALS, batch_only, deadline=deadline)
                    _settle_refused(batch, Refusals(self._digests, **from_json(why)))
                    continue
            except Aborted:
                raise
            except Unavailable as error:
                again = [] if safe_to_resend else [one for one in batch if one.item.key is not None]
                for pending in batch:
                    if pending not in again:
                        pending.fail(error)
                self._batcher.again(again)
                return
            _settle_stored(chain(*logs.values()), from_json(stored))


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


def _variables(logs: Mapping[str, _Batch], digests: Digests) -> dict[str, Any]:
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
                    "key": append.sent_id(digests),
                    "attempt": append.attempt,
                }
            )
        grown.append({"log": conversation_id, "count": len(part), "at": times[-1], **_authors(part)})
    replies = any("in_reply_to" in draft["content"] for draft in drafts)
    batch = json.dumps({"logs": grown, "drafts": drafts, "replies": replies})
    return {
        "batch": batch,
        "window": statements.LISTING_WINDOW_MS,
        "most_stale": statements.MOST_STALE,
        "end_of_time": rows.END_OF_TIME_MS,
    }


def _authors(part: _Batch) -> dict[str, list[str]]:
    """Who has to be the owner for these drafts, and who the owner or a member who writes."""
    authors: dict[str, set[str]] = {"owners": set(), "writers": set()}
    for pending in part:
        draft = pending.item.draft
        of_members = access.members_may_write(draft.role, agent=draft.agent)
        authors["writers" if of_members else "owners"].add(draft.author)
    return {name: list(uids) for name, uids in authors.items()}


def _settle_stored(
    stored: Iterable[Pending[Append, Appended]], numbered: Sequence[tuple[int, int, int]]
) -> None:
    """Answer each draft with the message that it became."""
    for pending, (seq, ordinal, at) in zip(stored, numbered, strict=True):
        message = pending.item.draft.numbered(seq, ordinal, from_milliseconds(at))
        pending.answer(Appended(message, new=True))


def _settle_refused(batch: _Batch, refusals: Refusals) -> None:
    """Settle the drafts that keep the batch from being stored; none if they do not any more."""
    for pending in batch:
        try:
            earlier = refusals.check(pending.item)
        except ConfabError as error:
            pending.fail(error)
        else:
            if earlier is not None:
                pending.answer(earlier)
