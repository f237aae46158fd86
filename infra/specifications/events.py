"""The events of the socket: what each carries, what it is answered, and whom it is told to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confab.domain.errors import (
    ConversationFinalized,
    Forbidden,
    IdempotencyConflict,
    Internal,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    TokenExpired,
    TokenRevoked,
    Unauthenticated,
    Unavailable,
)
from confab.domain.events import TypingState
from confab.domain.models import Finalized, Message, timestamp_text
from confab.domain.requests import Request
from confab.realtime.protocol import Handshake, Join, Leave, Renew, SendMessage, SetTyping, accepted
from infra.specifications import examples, forms
from infra.specifications.problems import Kind

CONNECT = "connect"
"""The handshake, which is a packet of its own and not an event."""
_EVERY_EVENT: Sequence[Kind] = (InvalidRequest, Unauthenticated, PayloadTooLarge, Internal)
_TOKEN = "eyJhbGciOiJSUzI1NiIs…"  # noqa: S105 - nobody's


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client says, and what it is answered."""

    summary: str
    payload: type[Request]
    example: Mapping[str, Any]
    answer: type
    answer_example: Mapping[str, Any]
    errors: Sequence[Kind]


@dataclass(frozen=True, slots=True)
class Told:
    """What a server says unasked."""

    to: str
    """To whom, and when."""
    payload: type
    example: Mapping[str, Any]


def asked() -> Mapping[str, Asked]:
    """The handshake and every event of a client, by name."""
    room = {"conversationId": examples.ID}
    joined = accepted(examples.page_view())
    message = examples.message().wire()
    return {
        CONNECT: Asked(
            summary="Ask to be let in: `auth` of the Socket.IO handshake",
            payload=Handshake,
            example={"token": _TOKEN, **room, "after": 0},
            answer=forms.Connected,
            answer_example={"sid": "mLbR2uAhXoXqPnKCAAAB"},
            errors=(
                InvalidRequest,
                Unauthenticated,
                TokenExpired,
                TokenRevoked,
                NotFound,
                RateLimited,
                Internal,
                Unavailable,
            ),
        ),
        "join": Asked(
            summary="Enter a room, having seen the log up to `after`",
            payload=Join,
            example={**room, "after": 0},
            answer=forms.JoinAccepted,
            answer_example=joined,
            errors=(*_EVERY_EVENT, NotFound, RateLimited, Unavailable),
        ),
        "leave": Asked(
            summary="Leave a room",
            payload=Leave,
            example=room,
            answer=forms.Accepted,
            answer_example=accepted({}),
            errors=_EVERY_EVENT,
        ),
        "message": Asked(
            summary="Write a message; joining first is not needed",
            payload=SendMessage,
            example={**room, **examples.NEW_MESSAGE},
            answer=forms.MessageAccepted,
            answer_example=accepted({"message": message}),
            errors=(
                *_EVERY_EVENT,
                NotFound,
                Forbidden,
                ConversationFinalized,
                IdempotencyConflict,
                RateLimited,
                Unavailable,
            ),
        ),
        "typing": Asked(
            summary="Start or stop typing in a room that was joined",
            payload=SetTyping,
            example={**room, "typing": True},
            answer=forms.Accepted,
            answer_example=accepted({}),
            errors=(*_EVERY_EVENT, NotFound, Forbidden, RateLimited, Unavailable),
        ),
        "auth": Asked(
            summary="Go on with a renewed token of the same user",
            payload=Renew,
            example={"token": _TOKEN},
            answer=forms.AuthAccepted,
            answer_example=accepted({"expiresAt": timestamp_text(examples.LATER)}),
            errors=(*_EVERY_EVENT, TokenExpired, TokenRevoked, Forbidden, Unavailable),
        ),
    }


def told() -> Mapping[str, Told]:
    """Every event of a server, by name."""
    return {
        "joined": Told(
            to="To a socket whose handshake named a conversation, once it is in the room",
            payload=forms.JoinAccepted,
            example=accepted(examples.page_view()),
        ),
        "message": Told(
            to="To everyone in the room, the sender too; once each, in order of `seq`",
            payload=Message,
            example=examples.message().wire(),
        ),
        "finalized": Told(
            to="To everyone in the room; nothing is numbered after it",
            payload=Finalized,
            example=examples.finalized().wire(),
        ),
        "typing": Told(
            to="To the room's sockets of other users; ends by itself",
            payload=TypingState,
            example=examples.typing().wire(),
        ),
        "resync": Told(
            to="To a socket that fell behind: it is out of the room, and joins again with `after`",
            payload=forms.Resync,
            example={"conversationId": examples.ID, "after": 1},
        ),
        "going_away": Told(
            to="To every socket, before a planned close",
            payload=forms.GoingAway,
            example={"reason": "shutdown", "reconnectAfterMs": 840},
        ),
        "auth_expired": Told(
            to="To a socket whose token ran out or was revoked, before it is closed",
            payload=forms.AuthExpired,
            example={},
        ),
    }
