"""What each REST operation takes and answers, beyond what the route table says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confab.domain.errors import (
    ConversationFinalized,
    Forbidden,
    IdempotencyConflict,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    TokenExpired,
    TokenRevoked,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from confab.domain.models import Message
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    FinalizeConversation,
    GetConversation,
    ListConversations,
    Request,
)
from confab.http.handlers import IDEMPOTENCY_HEADER as IDEMPOTENCY_KEY
from confab.http.routes import Route
from infra.specifications import examples
from infra.specifications.forms import Conversation, Listing, Page
from infra.specifications.problems import Kind

LOCATION = "Location"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation's request, successes and own errors."""

    request: type[Request]
    """Its fields: those of the body where the route has one, else of the query string."""
    about: str
    """Who may, and what else a caller should know."""
    answer: type
    example: Mapping[str, Any]
    """An answer's body."""
    successes: Mapping[int, str]
    """By status: what is in the body."""
    errors: Sequence[Kind] = ()
    """Those that do not follow from the route."""
    takes: Sequence[str] = ()
    """Request headers of its own."""
    tells: Sequence[str] = ()
    """Headers of its own on a success."""
    fields: Mapping[str, Any] | None = None
    """An example of the request's body."""


def operations() -> Mapping[str, Operation]:
    """Every operation by its name in the route table."""
    views = examples.views()
    return {
        "create_conversation": Operation(
            request=CreateConversation,
            about="The caller owns it. Nobody else can tell that it exists but the members.",
            answer=Conversation,
            example=views.conversation(examples.conversation()),
            successes={
                201: "The new conversation.",
                200: f"The first conversation again, for a repeated `{IDEMPOTENCY_KEY}`.",
            },
            errors=(IdempotencyConflict,),
            takes=(IDEMPOTENCY_KEY,),
            tells=(LOCATION,),
            fields=examples.NEW_CONVERSATION,
        ),
        "list_conversations": Operation(
            request=ListConversations,
            about="Those that the caller owns or is a member of, latest activity first.",
            answer=Listing,
            example={
                "conversations": [views.conversation(examples.conversation())],
                "nextCursor": None,
            },
            successes={200: "A page of the conversations that the caller owns or is a member of."},
        ),
        "get_conversation": Operation(
            request=GetConversation,
            about="For the owner and the members.",
            answer=Page,
            example=examples.page_view(),
            successes={200: "The conversation and a page of its messages, the newest one by default."},
        ),
        "add_message": Operation(
            request=AddMessage,
            about=(
                "For the owner in every role, for members with write access as `user`, for those of them who "
                "are agents in every role. Everyone in the room is told once it is stored."
            ),
            answer=Message,
            example=examples.message().wire(),
            successes={
                201: "The stored message.",
                200: "The first message again, for a repeated `clientMessageId`; also after the end.",
            },
            errors=(Forbidden, ConversationFinalized, IdempotencyConflict, RateLimited),
            fields=examples.NEW_MESSAGE,
        ),
        "finalize_conversation": Operation(
            request=FinalizeConversation,
            about=(
                "For the owner. The finalization takes the last number of the log: nothing is ever numbered "
                "after it."
            ),
            answer=Conversation,
            example=views.conversation(examples.closed()),
            successes={200: "The finalized conversation, however often it is asked."},
            errors=(Forbidden,),
            fields={},
        ),
    }


def errors_of(route: Route, operation: Operation) -> Sequence[Kind]:
    """Every error that the operation can answer, ascending by status."""
    kinds: list[Kind] = [
        InvalidRequest,
        Unauthenticated,
        TokenExpired,
        TokenRevoked,
        MethodNotAllowed,
        Internal,
        Unavailable,
        *operation.errors,
    ]
    if "{id}" in route.path:
        kinds.append(NotFound)
    if route.body:
        kinds += [PayloadTooLarge, UnsupportedMediaType]
    return sorted(kinds, key=lambda kind: kind.status)
