"""The port that removes what is to be forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from confab.domain.models import Conversation


@dataclass(frozen=True, slots=True)
class Erasure:
    """Messages of a conversation that were emptied together, because their author was erased."""

    number: int
    """1, 2, 3 … in their conversation."""
    seqs: Sequence[int]


@dataclass(frozen=True, slots=True)
class Emptied:
    """What a step of an erasure did."""

    messages: int
    done: bool
    """Whether the conversation has nothing of the user any more."""


class Removal(Protocol):
    """Removes conversations and users, in steps that hold the store for a few milliseconds each.

    Every step survives a crash whole or not at all, and raises Unavailable; all but `delete` are safe to
    repeat.
    """

    async def delete(
        self, conversation: Conversation, *, now: datetime, only_if_silent: bool = False
    ) -> bool:
        """Delete a conversation for everyone: from now on there is none with this id.

        False, and nothing happens, if it is no longer as the caller has read it; new messages and
        changed ones count `only_if_silent`.
        """

    async def inactive(self, before: datetime) -> Sequence[str]:
        """Some conversations whose last activity was before this time, or a few seconds later."""

    async def purge(self) -> bool:
        """Remove a part of what deleted conversations have left; whether there may be more."""

    async def begin(self, uid: str, *, now: datetime) -> str | None:
        """Note that a user is being erased; returns a conversation that the user is or was in.

        Without one the erasure is finished: the user's idempotency keys and the note go.
        """

    async def unfinished(self, *, now: datetime) -> tuple[str | None, str | None]:
        """A user who is being erased, and a conversation as `begin` does; None if there is none."""

    async def leave_finalized(self, uid: str, conversation_id: str) -> None:
        """Take a member out of a finalized conversation, without an entry."""

    async def empty(self, uid: str, conversation_id: str, *, now: datetime) -> Emptied:
        """Empty a part of what the user has written in a conversation and is no participant of."""

    async def erasures(self, conversation_id: str, after: int) -> Sequence[Erasure]:
        """Erasures of a conversation after the number `after`, ascending; maybe not all."""
