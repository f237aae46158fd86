"""The resources of the domain: principals, conversations, and pages of their logs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

ConversationType = Literal["chat", "assistant", "support"]
Status = Literal["active", "finalized"]
Role = Literal["user", "assistant", "system"]
Access = Literal["write", "read"]
Metadata = dict[str, JsonValue]
Wire = dict[str, Any]
"""A resource as the JSON object that clients see. Pages and lists pass their items on unread, and to
make a model of each would take most of the time."""

ANOTHER_CONVERSATION = "This Idempotency-Key was used for a different conversation."

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
        defer_build=True,
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
    custom_token: bool = False
    """Whether it signed in by a custom token, which may have claims that the account does not have."""
    issued_at: Timestamp
    expires_at: Timestamp
    signed_in_at: Timestamp | None = None
    """When the user last gave a password or the like, if known; a renewed token keeps it."""


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
    message_count: int = 0
    """Messages in the log, deleted ones included."""
    erasures: int = 0
    """How often messages of an erased user were emptied; a client that knows another number reads again."""
    revision: int = Field(default=0, exclude=True)
    """How often anything but its messages changed: a change is stored only if nobody was faster."""
    metadata: Metadata
    created_at: Timestamp
    updated_at: Timestamp
    finalized_at: Timestamp | None = None
    realtime_url: str = ""
    """Where its room is served; it follows from its id and the configuration, and is not stored."""

    @property
    def participants(self) -> tuple[str, ...]:
        """The uids of everyone who may read: the owner, then the members."""
        return (self.owner, *(member.user_id for member in self.members))

    @property
    def body(self) -> str:
        """What a retry of its creation has to repeat, as one text."""
        members: list[JsonValue] = [[member.user_id, member.access] for member in self.members]
        return canonical([self.type, self.title, members, self.metadata])


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
            return bool(self.messages[-1]["ordinal"] < self.conversation.message_count)
        return bool(self.messages[0]["ordinal"] > 1)


@dataclass(frozen=True, slots=True)
class LogPage:
    """A conversation and some entries of its log, as clients see them, ascending by sequence number."""

    conversation: Conversation
    after: int
    """The number after which it begins."""
    entries: Sequence[Wire]

    @property
    def has_more(self) -> bool:
        """Whether the log has newer entries."""
        last = self.entries[-1]["seq"] if self.entries else self.after
        return bool(last < self.conversation.seq)


def canonical(value: JsonValue) -> str:
    """One JSON text for the same JSON: to Python, 1 and true are equal."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
