"""A message: somebody wrote."""

from datetime import datetime
from typing import Literal, Self

from confab.domain.models import Metadata, Model, Role, Timestamp, canonical

ANOTHER_BODY = "This clientMessageId was used for a different message."


class _Written(Model):
    """What somebody writes."""

    conversation_id: str
    role: Role
    author: str
    """A uid; "" once its author was erased."""
    agent: bool = False
    """Whether a service identity wrote it."""
    content: str
    client_message_id: str | None = None
    in_reply_to: int | None = None
    """The number of an earlier message."""
    metadata: Metadata

    @property
    def body(self) -> str:
        """What a retry has to repeat, as one text: two bodies are the same if their texts are."""
        return canonical([self.role, self.content, self.metadata, self.in_reply_to])


class Message(_Written):
    """An entry that somebody wrote, as it is now."""

    kind: Literal["message"] = "message"
    id: str
    seq: int
    ordinal: int
    """1, 2, 3 … among the messages of its conversation."""
    version: int
    """The number of the entry that made this state; its own at first."""
    created_at: Timestamp
    edited_at: Timestamp | None = None
    deleted_at: Timestamp | None = None

    @property
    def at(self) -> datetime:
        """When it was stored, by its writer's clock, and not before the entry before it."""
        return self.created_at

    def without_later_state(self) -> Self:
        """The entry for whoever lost access: the words of a later entry are left out."""
        return self if self.version == self.seq else self._emptied()

    def deleted(self, seq: int, at: datetime) -> Self:
        """The message as entry `seq` deletes it."""
        return self._emptied().model_copy(
            update={"version": seq, "deleted_at": at, "edited_at": self.edited_at}
        )

    def _emptied(self) -> Self:
        return self.model_copy(
            update={
                "content": "",
                "metadata": {},
                "client_message_id": None,
                "version": self.seq,
                "edited_at": None,
                "deleted_at": None,
            }
        )


class Draft(_Written):
    """A message that is validated but not numbered yet."""

    def numbered(self, seq: int, ordinal: int, created_at: datetime) -> Message:
        """The message that this draft becomes as entry `seq` and message `ordinal`."""
        return Message(
            id=message_id(self.conversation_id, seq),
            seq=seq,
            ordinal=ordinal,
            version=seq,
            created_at=created_at,
            **dict(self),
        )


def message_id(conversation_id: str, seq: int) -> str:
    """A message's id follows from its number in the log, so it is never stored."""
    return f"{conversation_id}-{seq}"
