"""Group commit: appends that wait while the store is busy with others go there together.

What an append costs the store is mostly its transaction, not its record. Each draft of a group
has an outcome of its own (`outcomes.py`). A conversation that others write to at the same time
may need many tries; it goes its own way meanwhile, and holds up nobody else.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from datetime import datetime

from confab.domain.errors import ConfabError, Unavailable
from confab.domain.models import Draft
from confab.ports import Appended
from confab.store import outcomes, statements
from confab.store.connection import Aborted, Connection
from confab.store.gathering import Gathering, refuse, telling
from confab.store.outcomes import Waiting

GROUP_DRAFTS = 64
GROUP_CHARACTERS = 512 * 1024
"""Of content in one transaction; a single draft may have more."""


class Appends(Gathering[Waiting]):
    """The drafts of this process on their way into the log."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._apart: dict[str, asyncio.Task[None]] = {}
        """The conversations that go their own way; what waits for one of them waits for its end."""

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
        left: deque[Waiting] = deque()
        keys: set[object] = set()
        size = 0
        while self._waiting and len(group) < GROUP_DRAFTS:
            waiting = self._waiting.popleft()
            if waiting.outcome.done():  # its caller gave up
                continue
            if waiting.draft.conversation_id in self._apart:
                left.append(waiting)
                continue
            size += len(waiting.draft.content)
            if waiting.key in keys or (group and size > GROUP_CHARACTERS):
                left.append(waiting)
                break
            group.append(waiting)
            if waiting.key is not None:
                keys.add(waiting.key)
        self._waiting.extendleft(reversed(left))
        return group

    async def send(self, group: Sequence[Waiting]) -> None:
        """Store the group and tell each draft's outcome.

        If the transaction is aborted nothing has happened, and its conversations go their own ways.
        """
        try:
            await self._store(group, persistent=False)
        except Aborted:
            for conversation_id, part in outcomes.by_conversation(group).items():
                self._go_apart(conversation_id, part)

    def _go_apart(self, conversation_id: str, part: Sequence[Waiting]) -> None:
        going = asyncio.create_task(self._send_apart(part), context=Context())
        self._apart[conversation_id] = going
        going.add_done_callback(lambda _: self._come_back(conversation_id))

    def _come_back(self, conversation_id: str) -> None:
        del self._apart[conversation_id]
        self.send_soon()

    async def _send_apart(self, part: Sequence[Waiting]) -> None:
        """Try for as long as it takes; if the server refuses, then one by one."""
        with telling(part):
            try:
                await self._store(part, persistent=True)
            except Aborted:
                if len(part) == 1:
                    raise
                for waiting in part:
                    await self._send_apart([waiting])

    async def _store(self, group: Sequence[Waiting], *, persistent: bool) -> None:
        """Store what can be stored and tell everybody, unless the store's last word is Aborted."""
        while group := [one for one in group if not one.outcome.done()]:
            try:
                answer = await self._connection.query(
                    statements.APPEND,
                    outcomes.variables(group),
                    repeatable=_repeatable(group),
                    persistent=persistent,
                )
            except Aborted:
                raise
            except Unavailable as error:
                again = [] if _repeatable(group) else [one for one in group if one.key is not None]
                refuse([one for one in group if one not in again], error)
                self._waiting.extendleft(reversed(again))
                return
            known = outcomes.of(group, answer)
            assert known, "the statement stores all, or says for whose sake it does not"
            for waiting, outcome in known.items():
                _tell(waiting, outcome)


def _tell(waiting: Waiting, outcome: Appended | ConfabError) -> None:
    if waiting.outcome.done():  # its caller gave up
        return
    if isinstance(outcome, ConfabError):
        waiting.outcome.set_exception(outcome)
    else:
        waiting.outcome.set_result(outcome)


def _repeatable(group: Sequence[Waiting]) -> bool:
    return all(waiting.key is not None for waiting in group)
