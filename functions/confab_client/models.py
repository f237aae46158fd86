"""Resources and entries. Fields, kinds and values that this release does not know are no error."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel, to_snake

from confab_client.errors import ConfabError


class Model(BaseModel):
    """A part of a response; `model_dump_json(by_alias=True)` renders it as it came."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Member(Model):
    """Who reads a conversation, and with `access` "write" also writes."""

    user_id: str
    access: str


class Conversation(Model):
    """A conversation as it was when it was read."""

    id: str
    type: str
    title: str | None
    owner: str
    members: tuple[Member, ...]
    status: str
    seq: int
    message_count: int
    erasures: int
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    finalized_at: datetime | None
    realtime_url: str = ""
    """Empty in entries."""


class Entry(Model):
    """A numbered item of the log; of this class itself if its kind is unknown here."""

    kind: str
    conversation_id: str
    seq: int


class Message(Entry):
    """Somebody wrote. States of a message may come in any order: keep the one with the higher `version`."""

    id: str
    role: str
    author: str
    content: str
    client_message_id: str | None
    metadata: dict[str, Any]
    created_at: datetime
    ordinal: int
    version: int
    agent: bool
    in_reply_to: int | None
    edited_at: datetime | None
    deleted_at: datetime | None


class MessageChanged(Entry):
    """Somebody edited or deleted a message, whose present state this has, or None: keep what you have."""

    message: Message | None
    by: str
    at: datetime


class ConversationChanged(Entry):
    """Title, metadata, owner or members changed; `conversation` is the present state, or None."""

    conversation: Conversation | None
    by: str
    at: datetime
    changes: dict[str, Any]


class Finalized(Entry):
    """The log is closed permanently."""

    finalized_at: datetime


class Erased(Model):
    """No entry: these messages lost content and author. `seqs` is None if it is unknown which: read again."""

    kind: str = "erased"
    conversation_id: str
    erasures: int
    seqs: tuple[int, ...] | None


class Page(Model):
    """A conversation and some of its messages, ascending."""

    conversation: Conversation
    messages: tuple[Message, ...]
    has_more: bool


class Draft(TypedDict, total=False):
    """What a message may have beside its content."""

    role: str
    client_message_id: str
    metadata: Mapping[str, Any]
    in_reply_to: int


M = TypeVar("M", bound=Model)
KINDS: Mapping[str, type[Entry | Erased]] = {
    to_snake(model.__name__): model
    for model in (Message, MessageChanged, ConversationChanged, Finalized, Erased)
}


def parsed(model: type[M], found: Any) -> M:
    """The model; raises `bad_response`, which names the fields and not what they held."""
    try:
        return model.model_validate(found)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, line["loc"])) for line in error.errors())
        raise ConfabError("bad_response", f"this is no {model.__name__}: {fields}") from None


def entry(found: Mapping[str, Any]) -> Entry | Erased:
    """An entry by its kind."""
    return parsed(KINDS.get(found["kind"], Entry), found)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value, as they are sent; what is None means the same as what is left out."""
    return {to_camel(name): value for name, value in fields.items() if value is not None}
