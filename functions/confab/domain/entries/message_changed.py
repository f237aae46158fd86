"""A change of a message: its author edited it, or somebody deleted it."""

from typing import Literal, Self

from confab.domain.entries.message import Message
from confab.domain.models import Model, Timestamp


class MessageChanged(Model):
    """An entry that edits or deletes an earlier message."""

    kind: Literal["message_changed"] = "message_changed"
    conversation_id: str
    seq: int
    message: Message | None
    """As it is now; None for whoever may not see that."""
    by: str
    """A uid; "" once that user was erased."""
    at: Timestamp

    def without_later_state(self) -> Self:
        """The entry for whoever lost access: the state that a later entry made is left out."""
        if self.message is None or self.message.version == self.seq:
            return self
        return self.model_copy(update={"message": None})
