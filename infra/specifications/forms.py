"""The answers that the code puts together from several parts, each as one closed model."""

from typing import Annotated, Literal

from pydantic import Field

from confab.domain import models
from confab.domain.models import Message, Model, Timestamp


class Conversation(models.Conversation):
    """A session: its owner and members, where its log stands, and where its room is served."""

    realtime_url: Annotated[str, Field(json_schema_extra={"format": "uri"})]


class Page(Model):
    """A conversation and a page of its messages."""

    conversation: Conversation
    messages: tuple[Message, ...]
    has_more: bool


class Listing(Model):
    """A page of the caller's conversations."""

    conversations: tuple[Conversation, ...]
    next_cursor: str | None


class Connected(Model):
    """The socket is let in."""

    sid: str


class Accepted(Model):
    """The event was carried out."""

    ok: Literal[True]


class JoinAccepted(Accepted, Page):
    """A page of the log. Once `hasMore` is false, or without `after`, the socket is live."""


class MessageAccepted(Accepted):
    """The message is stored."""

    message: Message


class AuthAccepted(Accepted):
    """The socket goes on with the renewed token."""

    expires_at: Timestamp


class Resync(Model):
    """The socket fell behind and is out of this room."""

    conversation_id: str
    after: int


class GoingAway(Model):
    """The connection will be closed as planned."""

    reason: str
    reconnect_after_ms: int


class AuthExpired(Model):
    """The token ran out and was not renewed."""
