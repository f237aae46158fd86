"""The resources of the domain: principals, conversations, messages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

ConversationType = Literal["chat", "assistant", "support"]
Status = Literal["active", "finalized"]
Role = Literal["user", "assistant", "system"]
Access = Literal["write", "read"]
Metadata = dict[str, JsonValue]
Wire = dict[str, Any]
"""A resource as the JSON object that clients see. Pages and lists pass their items on unread, and to
make a model of each would take most of the time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def timestamp_text(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`."""
    return _in_utc(at).isoformat("T", "milliseconds").removesuffix("+00:00") + "Z"


def to_millisecond(at: datetime) -> datetime:
    """The same instant without the fraction of a millisecond, in UTC."""
    at = _in_utc(at)
    beyond = at.microsecond % 1000
    return at.replace(microsecond=at.microsecond - beyond) if beyond else at


def current_time() -> datetime:
    """The current instant in UTC, to the millisecond."""
    return to_millisecond(datetime.now(UTC))


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // _MILLISECOND


def from_milliseconds(value: int) -> datetime:
    """The instant so many milliseconds after 1970 began."""
    return _EPOCH + value * _MILLISECOND


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is UTC else at.astimezone(UTC)  # a list has many, most of them in UTC


def _parse_timestamp(value: object) -> object:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("must have a time zone")
        try:
            return to_millisecond(value)
        except OverflowError:
            raise ValueError("must be within the years 1 to 9999 in UTC") from None
    return value


Timestamp = Annotated[
    datetime, BeforeValidator(_parse_timestamp), PlainSerializer(timestamp_text, return_type=str)
]
"""An instant with millisecond resolution, always in UTC."""


class Model(BaseModel):
    """A closed, immutable value: camelCase outside, snake_case inside, no unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,  # a traceback must not carry content
    )

    def wire(self) -> Wire:
        """The JSON object that clients and the bus see."""
        return self.model_dump(mode="json", by_alias=True)


class Principal(Model):
    """A caller whose token has been verified."""

    uid: str
    agent: bool = False
    """Whether this is a service identity: an assistant, a bot."""
    issued_at: Timestamp
    expires_at: Timestamp


class Member(Model):
    """A user whom the owner added to a conversation."""

    user_id: str
    access: Access = "write"


class Conversation(Model):
    """A conversation, without its log: owner, members, metadata, and the number of the newest entry."""

    id: str
    type: ConversationType
    title: str | None
    owner: str
    members: tuple[Member, ...]
    status: Status = "active"
    seq: int = 0
    """The number of the newest entry; 0 when the log is empty."""
    metadata: Metadata
    created_at: Timestamp
    updated_at: Timestamp
    finalized_at: Timestamp | None = None

    @property
    def last_message_seq(self) -> int:
        """The highest number that a message can have: a finalization takes the last one."""
        return self.seq if self.status == "active" else self.seq - 1

    @property
    def participants(self) -> tuple[str, ...]:
        """The uids of everyone who may read: the owner, then the members."""
        return (self.owner, *(member.user_id for member in self.members))


class Message(Model):
    """An entry that somebody wrote."""

    id: str
    conversation_id: str
    seq: int
    role: Role
    author: str
    content: str
    client_message_id: str | None = None
    metadata: Metadata
    created_at: Timestamp

    @property
    def at(self) -> datetime:
        """When it was stored, by its writer's clock, and not before the entry before it."""
        return self.created_at


class Finalized(Model):
    """The last entry of a log: nothing is ever numbered after it."""

    conversation_id: str
    seq: int
    finalized_at: Timestamp

    @property
    def at(self) -> datetime:
        """When it was stored, by its writer's clock, and not before the entry before it."""
        return self.finalized_at


@dataclass(frozen=True, slots=True)
class Page:
    """A conversation and some of its messages, as clients see them, ascending by sequence number."""

    conversation: Conversation
    messages: Sequence[Wire]
    forward: bool = False
    """Whether it begins after an entry and leads to newer ones; else it leads to older ones."""

    @property
    def has_more(self) -> bool:
        """Whether there are messages in the direction in which it leads."""
        if not self.messages:
            return False
        if self.forward:
            return bool(self.messages[-1]["seq"] < self.conversation.last_message_seq)
        return bool(self.messages[0]["seq"] > 1)


Entry = Message | Finalized
"""A numbered item of a conversation's log: 1, 2, 3 … without gaps or duplicates."""


class Draft(Model):
    """A message that is validated but not numbered yet."""

    conversation_id: str
    role: Role
    author: str
    content: str
    client_message_id: str | None
    metadata: Metadata

    def numbered(self, seq: int, created_at: datetime) -> Message:
        """The message that this draft becomes as entry `seq`."""
        return Message(id=message_id(self.conversation_id, seq), seq=seq, created_at=created_at, **dict(self))

    def became(self, message: Message) -> bool:
        """Whether `message` is what a retry of this draft was first stored as."""
        return (self.role, self.content, canonical(self.metadata)) == (
            message.role,
            message.content,
            canonical(message.metadata),
        )


def canonical(metadata: Metadata) -> str:
    """Metadata as one JSON text, the same for the same JSON: to Python, 1 and true are equal."""
    return json.dumps(metadata, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def message_id(conversation_id: str, seq: int) -> str:
    """A message's id follows from its number in the log, so it is never stored."""
    return f"{conversation_id}-{seq}"
