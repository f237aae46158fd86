"""Group commit: appends that wait while the store is busy with others go there together.

What an append costs the store is mostly its transaction, not its record. Each draft of a group
has an outcome of its own (`outcomes.py`).
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime

from confab.domain.errors import Unavailable
from confab.domain.models import Draft
from confab.ports import Appended
from confab.store import outcomes, records, statements
from confab.store.connection import Aborted
from confab.store.gathering import Gathering, refuse
from confab.store.outcomes import Waiting

GROUP_DRAFTS = 64
GROUP_BYTES = 512 * 1024
"""Of content in one transaction; a single draft may have more."""


class Appends(Gathering[Waiting]):
    """The drafts of this process on their way into the log."""

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        """As `Store.append` promises.

        Without a client message id a draft is sent once: a second try could not know whether the
        first one was stored, and Unavailable says just that.
        """
        outcome = asyncio.get_running_loop().create_future()
        appended: Appended = await self.ask(Waiting(draft, now, secrets.token_hex(8), outcome))
        return appended

    def next_group(self) -> list[Waiting]:
        """The next drafts to go together: none twice, so that a repetition finds the first one stored."""
        group: list[Waiting] = []
        keys: set[object] = set()
        size = 0
        while self._waiting and len(group) < GROUP_DRAFTS:
            waiting = self._waiting[0]
            size += len(waiting.draft.content)
            if waiting.key in keys or (group and size > GROUP_BYTES):
                break
            self._waiting.popleft()
            if waiting.outcome.done():  # its caller gave up
                continue
            group.append(waiting)
            if waiting.key is not None:
                keys.add(waiting.key)
        return group

    async def send(self, group: Sequence[Waiting]) -> None:
        """Store the group and tell each draft's outcome.

        If the transaction was aborted nothing has happened, and it is divided: a contended
        conversation does not hold up the others, nor does a draft that the store refuses.
        """
        parts = outcomes.by_conversation(group)
        try:
            await self._transact(group, persistent=len(parts) == 1)
        except Aborted as error:
            if len(parts) > 1:
                await asyncio.gather(*(self.send(part) for part in parts))
            elif len(group) > 1:
                for waiting in group:
                    await self.send([waiting])
            else:
                refuse(group, error)
        except Unavailable as error:
            again = [] if _repeatable(group) else [one for one in group if one.key is not None]
            refuse([one for one in group if one not in again], error)
            self._waiting.extendleft(reversed(again))

    async def _transact(self, group: Sequence[Waiting], *, persistent: bool) -> None:
        answer = await self._connection.query(
            statements.APPEND,
            outcomes.variables(group),
            repeatable=_repeatable(group),
            persistent=persistent,
        )
        found = outcomes.of(group, answer["before"], answer["sent"])
        repeated = [one.first for one in found if isinstance(one, outcomes.Repeated)]
        rows = await self._connection.query(statements.RECORDS, {"records": repeated}) if repeated else ()
        messages = {message.id: message for message in map(records.message_of, rows)}
        for waiting, outcome in zip(group, found, strict=True):
            if waiting.outcome.done():
                continue
            if isinstance(outcome, outcomes.Repeated):
                waiting.outcome.set_result(Appended(messages[outcome.message_id], new=outcome.new))
            elif isinstance(outcome, Appended):
                waiting.outcome.set_result(outcome)
            else:
                waiting.outcome.set_exception(outcome)


def _repeatable(group: Sequence[Waiting]) -> bool:
    return all(waiting.key is not None for waiting in group)
