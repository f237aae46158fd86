"""What the bus carries: one closed model per event type.

`data` has the form of the payload that the sockets of a room get for the same event. Delivery is at
least once; consumers deduplicate entries by (conversationId, seq).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from confab.domain.entries import Entry
from confab.domain.entries.conversation_changed import ConversationChanged
from confab.domain.entries.finalized import Finalized
from confab.domain.entries.message import Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.models import Model, Timestamp

Seq = Annotated[int, Field(ge=1, le=2**53 - 1)]


class TypingState(Model):
    """Whether a user is typing in a conversation. Never stored."""

    conversation_id: str
    user_id: str
    typing: bool


class _Published(Model):
    v: Literal[1] = 1
    origin: str
    """The id of the process that published it."""
    at: Timestamp
    """When it happened; of an entry, the moment after its commit."""


class _Event(_Published):
    conversation_id: str


class MessageCreated(_Event):
    """A message was stored."""

    type: Literal["message.created"] = "message.created"
    seq: Seq
    data: Message


class MessageChangedEvent(_Event):
    """A message was edited or deleted."""

    type: Literal["message.changed"] = "message.changed"
    seq: Seq
    data: MessageChanged


class ConversationChangedEvent(_Event):
    """A conversation's title, metadata, owner or members changed."""

    type: Literal["conversation.changed"] = "conversation.changed"
    seq: Seq
    data: ConversationChanged


class ConversationFinalizedEvent(_Event):
    """A conversation was finalized."""

    type: Literal["conversation.finalized"] = "conversation.finalized"
    seq: Seq
    data: Finalized


class DeletedConversation(Model):
    """Which conversation was deleted."""

    conversation_id: str


class ConversationDeletedEvent(_Event):
    """A conversation was deleted, with everything in it."""

    type: Literal["conversation.deleted"] = "conversation.deleted"
    seq: None = None
    data: DeletedConversation


class ErasedUser(Model):
    """Which user was erased."""

    user_id: str


class UserErasedEvent(_Published):
    """Messages of a user were emptied, in whatever conversations."""

    type: Literal["user.erased"] = "user.erased"
    conversation_id: None = None
    seq: None = None
    data: ErasedUser


class Typing(_Event):
    """Somebody started or stopped typing."""

    type: Literal["typing"] = "typing"
    seq: None = None
    data: TypingState


EntryEvent = MessageCreated | MessageChangedEvent | ConversationChangedEvent | ConversationFinalizedEvent
Event = Annotated[
    EntryEvent | ConversationDeletedEvent | UserErasedEvent | Typing, Field(discriminator="type")
]

_OF_KIND: Mapping[str, Callable[..., EntryEvent]] = {
    "message": MessageCreated,
    "message_changed": MessageChangedEvent,
    "conversation_changed": ConversationChangedEvent,
    "finalized": ConversationFinalizedEvent,
}


def _agree(event: Event) -> Event:
    """Reject an event whose envelope contradicts its data."""
    if isinstance(event, UserErasedEvent):
        return event
    if event.data.conversation_id != event.conversation_id:
        raise ValueError("the event and its data name two conversations")
    if isinstance(event, EntryEvent) and event.data.seq != event.seq:
        raise ValueError("the event and its data have two numbers")
    return event


_event: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, AfterValidator(_agree)], config=ConfigDict(hide_input_in_errors=True, defer_build=True)
)


def event_of(entry: Entry, *, origin: str, at: datetime | None = None) -> EntryEvent:
    """The event of a stored entry.

    `at` is the moment after its commit, or the entry's own time where that is unknown.
    """
    return _OF_KIND[entry.kind](
        conversation_id=entry.conversation_id, seq=entry.seq, data=entry, origin=origin, at=at or entry.at
    )


def deletion_of(conversation_id: str, *, origin: str, at: datetime) -> Event:
    """The event of a deleted conversation."""
    data = DeletedConversation(conversation_id=conversation_id)
    return ConversationDeletedEvent(conversation_id=conversation_id, data=data, origin=origin, at=at)


def erasure_of(uid: str, *, origin: str, at: datetime) -> Event:
    """The event of messages that were emptied because their author is erased."""
    return UserErasedEvent(data=ErasedUser(user_id=uid), origin=origin, at=at)


def encode_event(event: Event) -> bytes:
    """The event as the UTF-8 JSON object that the bus carries."""
    return _event.dump_json(event, by_alias=True)


def decode_event(data: bytes) -> Event:
    """The event in a bus message, which is not trusted: anyone who may publish can send anything.

    Raises ValueError for an invalid one, whatever parsing it raises.
    """
    try:
        return _event.validate_json(data)
    except Exception as error:
        raise ValueError("not a valid event") from error
