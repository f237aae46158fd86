"""What the bus carries: one closed model per event type.

`data` has the form of the payload that the sockets of a room get for the same event. Delivery is at
least once; consumers deduplicate entries by (conversationId, seq).
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from confab.domain.models import Entry, Finalized, Message, Model, Timestamp

Seq = Annotated[int, Field(ge=1, le=2**53 - 1)]


class TypingState(Model):
    """Whether a user is typing in a conversation. Never stored."""

    conversation_id: str
    user_id: str
    typing: bool


class _Event(Model):
    v: Literal[1] = 1
    conversation_id: str
    origin: str
    """The id of the process that published it."""
    at: Timestamp
    """When it happened; of an entry, the moment after its commit."""


class MessageCreated(_Event):
    """A message was stored."""

    type: Literal["message.created"] = "message.created"
    seq: Seq
    data: Message


class ConversationFinalizedEvent(_Event):
    """A conversation was finalized."""

    type: Literal["conversation.finalized"] = "conversation.finalized"
    seq: Seq
    data: Finalized


class Typing(_Event):
    """Somebody started or stopped typing."""

    type: Literal["typing"] = "typing"
    seq: None = None
    data: TypingState


Event = Annotated[MessageCreated | ConversationFinalizedEvent | Typing, Field(discriminator="type")]


def _agree(event: Event) -> Event:
    """Reject an event whose envelope contradicts its data."""
    if event.data.conversation_id != event.conversation_id:
        raise ValueError("the event and its data name two conversations")
    if not isinstance(event, Typing) and event.data.seq != event.seq:
        raise ValueError("the event and its data have two numbers")
    return event


_event: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, AfterValidator(_agree)], config=ConfigDict(hide_input_in_errors=True)
)


def event_of(entry: Entry, *, origin: str, at: datetime | None = None) -> Event:
    """The event of a stored entry.

    `at` is the moment after its commit, or the entry's own time where that is unknown.
    """
    conversation_id, seq, at = entry.conversation_id, entry.seq, at or entry.at
    if isinstance(entry, Message):
        return MessageCreated(conversation_id=conversation_id, seq=seq, data=entry, origin=origin, at=at)
    return ConversationFinalizedEvent(
        conversation_id=conversation_id, seq=seq, data=entry, origin=origin, at=at
    )


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
