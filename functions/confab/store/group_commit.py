"""Group commit: appends that wait while the store is busy are stored in one transaction.

What an append costs the store is mostly its transaction, not its record. Each draft of a batch
has an outcome of its own (`outcomes.py`). A conversation that others write to at the same time
may need many tries: it is retried in a task of its own, so that other conversations are not
delayed.
"""

import asyncio
import secrets
from contextvars import Context
from datetime import datetime

from confab.aio import Batch, Batcher, Fits, Pending, fan_out, up_to
from confab.domain.errors import ConfabError, Unavailable
from confab.domain.models import Draft
from confab.ports import Appended
from confab.store import outcomes, statements
from confab.store.connection import MAX_WAITING, NO_ANSWER, Aborted, Connection
from confab.store.outcomes import Append

BATCH_DRAFTS = 64
BATCH_CHARACTERS = 512 * 1024
"""Of content in one transaction; a single draft may have more."""

_Batch = Batch[Append, Appended]


class GroupCommit:
    """The drafts of this process on their way into the log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._retrying: dict[str, asyncio.Task[None]] = {}
        """By conversation; what is submitted to one of these meanwhile waits for the retries' end."""
        self._batcher = Batcher[Append, Appended](
            self._send,
            bounds=_bounds,
            held=lambda append: append.draft.conversation_id in self._retrying,
            unavailable=lambda: Unavailable(NO_ANSWER),
            deadline_s=connection.timing.overall,
            max_waiting=MAX_WAITING,
        )

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        """As `Store.append` promises.

        Without a client message id a draft is sent once: a second try could not know whether the
        first one was stored, and Unavailable says just that.
        """
        return await self._batcher.submit(Append(draft, now, secrets.token_hex(8)))

    async def _send(self, batch: _Batch) -> None:
        """Store the batch. If its transaction is aborted, nothing has happened: retry by conversation."""
        try:
            await self._store(batch, persistent=False)
        except Aborted:
            for conversation_id in {pending.item.draft.conversation_id for pending in batch}:
                part = [one for one in batch if one.item.draft.conversation_id == conversation_id]
                retrying = asyncio.create_task(self._retry(conversation_id, part), context=Context())
                self._retrying[conversation_id] = retrying

    async def _retry(self, conversation_id: str, part: _Batch) -> None:
        try:
            await fan_out(self._insist, part)
        finally:
            del self._retrying[conversation_id]
            self._batcher.wake()

    async def _insist(self, part: _Batch) -> None:
        """Try until the deadline; drafts that the server refuses together are tried one by one."""
        try:
            await self._store(part, persistent=True)
        except Aborted:
            if len(part) == 1:
                raise
            for pending in part:
                await fan_out(self._insist, [pending])

    async def _store(self, batch: _Batch, *, persistent: bool) -> None:
        """Store the drafts that can be stored and settle all, unless the server's last answer is Aborted."""
        while batch := [pending for pending in batch if not pending.settled]:
            try:
                answer = await self._connection.query(
                    statements.APPEND,
                    outcomes.variables([pending.item for pending in batch]),
                    repeatable=_repeatable(batch),
                    persistent=persistent,
                )
            except Aborted:
                raise
            except Unavailable as error:
                again = [] if _repeatable(batch) else [one for one in batch if one.item.key is not None]
                for pending in batch:
                    if pending not in again:
                        pending.fail(error)
                self._batcher.again(again)
                return
            settled = outcomes.of([pending.item for pending in batch], answer)
            assert settled, "the statement stores all, or says for whose sake it does not"
            for pending in batch:
                _settle(pending, settled.get(pending.item))


def _settle(pending: Pending[Append, Appended], outcome: Appended | ConfabError | None) -> None:
    if isinstance(outcome, ConfabError):
        pending.fail(outcome)
    elif outcome is not None:
        pending.answer(outcome)


def _repeatable(batch: _Batch) -> bool:
    return all(pending.item.key is not None for pending in batch)


def _bounds() -> Fits[Append]:
    """No key twice, so that a repetition finds the first one stored."""
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
