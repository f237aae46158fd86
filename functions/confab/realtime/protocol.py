"""The requests that clients may send over a socket, and the form of acknowledgements."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from confab.domain.requests import MAX_SEQ, AddMessage, ConversationId, Request, Whole

Token = Annotated[str, Field(min_length=1)]
After = Annotated[Whole, Field(ge=0, le=MAX_SEQ)]


class Handshake(Request):
    """`auth` of the Socket.IO CONNECT packet."""

    token: Token
    app_check_token: Token | None = None
    conversation_id: ConversationId | None = None
    after: After | None = None


class Join(Request):
    """Enter a room, having seen the log up to `after`."""

    conversation_id: ConversationId
    after: After | None = None


class Leave(Request):
    """Leave a room."""

    conversation_id: ConversationId


class SendMessage(AddMessage):
    """Write a message."""

    conversation_id: ConversationId


class SetTyping(Request):
    """Start or stop typing."""

    conversation_id: ConversationId
    typing: bool


class Renew(Request):
    """Go on with a renewed token of the same user."""

    token: Token


def accepted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The acknowledgement of an event that was carried out."""
    return {"ok": True, **fields}


def refused(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The acknowledgement of an event that changed nothing."""
    return {"ok": False, "error": problem}
