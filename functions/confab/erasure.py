"""Deletes conversations and erases users, step by step, beside everything else that the store does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from confab.domain import access, changes
from confab.domain.errors import NotFound, Unavailable
from confab.domain.models import Conversation, Principal
from confab.ports.bus import Announcer
from confab.ports.store import Store

WITHIN_S = 5.0
"""Seconds that one call works; a later one, or any container, goes on where it stopped."""
REST = 2
"""How much longer than a step the rest after it is."""
MAX_DECISIONS = 16
"""How often a step is decided again because others changed the same conversation meanwhile."""

T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """What an erasure has done so far in this call."""

    conversations: int = 0
    """Deleted ones and those without a trace of the user."""
    messages: int = 0
    """Emptied ones; those of deleted conversations are not counted."""
    done: bool = False


class Eraser:
    """Removes what is to be forgotten. It rests between its steps."""

    def __init__(
        self,
        store: Store,
        announcer: Announcer,
        *,
        locate: Callable[[Conversation], Conversation],
        clock: Callable[[], datetime],
    ) -> None:
        """`locate` adds the address of a room, which a change of members carries."""
        self._store = store
        self._removal = store.removal
        self._announcer = announcer
        self._locate = locate
        self._clock = clock

    async def delete_conversation(self, conversation_id: str, caller: Principal | None) -> None:
        """Delete a conversation at once for everyone, and what is left of it within WITHIN_S or later.

        An operator has no `caller`. Raises NotFound for strangers and where there is none, and Forbidden
        for everyone but the owner.
        """
        for _ in range(MAX_DECISIONS):
            found = await self._store.conversation(conversation_id, None if caller is None else caller.uid)
            if caller is not None:
                access.require_owner(found, caller, "deletes it")
            if found is None:
                raise NotFound(access.NO_CONVERSATION)
            if await self._delete(found):
                with suppress(Unavailable):  # it is deleted; any container removes what is left
                    await self.purge()
                return
        raise Unavailable(changes.BUSY)

    async def expire(self, before: datetime) -> int:
        """Delete conversations whose last activity was before this time, for WITHIN_S; how many.

        0 if none is left, or none could be deleted in this time.
        """
        deadline, count = time.monotonic() + WITHIN_S, 0
        while time.monotonic() < deadline and (ids := await self._removal.inactive(before)):
            deleted = 0
            for conversation_id in ids:
                found = await self._store.conversation(conversation_id)
                if found is not None and found.updated_at < before:
                    deleted += await self._delete(found, only_if_silent=True)
            count += deleted
            await self._purge(deadline)
            if not deleted:  # they were used since, and the store finds that out in a few seconds
                break
        return count

    async def purge(self) -> bool:
        """Remove what deleted conversations have left, for WITHIN_S; whether there may be more."""
        return await self._purge(time.monotonic() + WITHIN_S)

    async def erase(self, uid: str, *, within_s: float = WITHIN_S) -> Progress:
        """Erase a user for so many seconds, and say what was done."""
        progress, deadline = Progress(), time.monotonic() + within_s
        while time.monotonic() < deadline:
            conversation_id = await self._removal.begin(uid, now=self._clock())
            if conversation_id is None:
                progress.done = not await self._purge(deadline)
                return progress
            await self._erase_in(uid, conversation_id, progress, deadline)
        return progress

    async def resume(self) -> None:
        """Go on with what earlier calls have left, if there is any."""
        deadline = time.monotonic() + WITHIN_S
        await self._purge(deadline)
        uid, conversation_id = await self._removal.unfinished(now=self._clock())
        while uid is not None and conversation_id is not None and time.monotonic() < deadline:
            await self._erase_in(uid, conversation_id, Progress(), deadline)
            uid, conversation_id = await self._removal.unfinished(now=self._clock())

    async def _purge(self, deadline: float) -> bool:
        """Remove what deleted conversations have left; whether there may be more."""
        while more := await self._rested(self._removal.purge):
            if time.monotonic() > deadline:
                break
        return more

    async def _erase_in(self, uid: str, conversation_id: str, progress: Progress, deadline: float) -> None:
        """Take a user out of a conversation, then empty what the user wrote there."""
        if await self._leave(uid, conversation_id):
            progress.conversations += 1
            return
        while time.monotonic() < deadline:
            emptied = await self._rested(lambda: self._removal.empty(uid, conversation_id, now=self._clock()))
            progress.messages += emptied.messages
            if emptied.messages:
                await self._announcer.announce_erasure(uid)
            if emptied.done:
                progress.conversations += 1
                return

    async def _leave(self, uid: str, conversation_id: str) -> bool:
        """End the user's participation; whether the conversation was the user's, and is deleted."""
        for _ in range(MAX_DECISIONS):
            found = await self._store.conversation(conversation_id)
            if found is None or uid not in found.participants:
                return False
            if uid == found.owner:
                if await self._delete(found):
                    return True
            elif found.status == "finalized":
                await self._removal.leave_finalized(uid, conversation_id)
            else:
                change = changes.departure(found, uid)
                stored = await self._store.change_conversation(change, now=self._clock())
                if stored is not None:
                    await self._announcer.announce(change.entry(self._locate(stored)))
        raise Unavailable(changes.BUSY)

    async def _delete(self, conversation: Conversation, *, only_if_silent: bool = False) -> bool:
        """Whether the conversation was still as it was read, and is deleted now."""
        deleted = await self._removal.delete(conversation, now=self._clock(), only_if_silent=only_if_silent)
        if deleted:
            await self._announcer.announce_deletion(conversation.id)
        return deleted

    async def _rested(self, step: Callable[[], Awaitable[T]]) -> T:
        """The result of a step, after a rest in which others use the store."""
        began = time.monotonic()
        result = await step()
        await asyncio.sleep(REST * (time.monotonic() - began))
        return result
