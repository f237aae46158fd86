"""A change of the conversation itself: its title, metadata, owner or members."""

import operator
from typing import Annotated, Literal, Self

from pydantic import Field

from confab.domain.models import Conversation, Model, Timestamp

Flag = Annotated[bool, Field(exclude_if=operator.not_)]
Uids = Annotated[tuple[str, ...], Field(exclude_if=operator.not_)]


class Changes(Model):
    """What an entry changed about its conversation. JSON leaves out what did not change."""

    title: Flag = False
    metadata: Flag = False
    owner: Flag = False
    added: Uids = ()
    """New members."""
    removed: Uids = ()
    """Former members."""
    access: Uids = ()
    """Members whose access changed."""


class ConversationChanged(Model):
    """An entry that changes the conversation itself."""

    kind: Literal["conversation_changed"] = "conversation_changed"
    conversation_id: str
    seq: int
    conversation: Conversation | None
    """As it is now; None for whoever may not see that."""
    by: str
    """A uid; "" once that user was erased."""
    at: Timestamp
    changes: Changes

    def without_later_state(self) -> Self:
        """The entry for whoever lost access: the state that a later entry made is left out."""
        if self.conversation is None or self.conversation.seq == self.seq:
            return self
        return self.model_copy(update={"conversation": None})
