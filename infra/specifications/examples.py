"""What the documents show as examples: made by the code that makes the real ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from confab import config
from confab.domain import models
from confab.domain.events import Event, Typing, TypingState, event_of
from confab.domain.models import Draft, Finalized, Message, Page
from confab.domain.requests import AddMessage, CreateConversation, parse
from confab.views import Views
from infra.specifications.words import LIMITS

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
LATER = AT + timedelta(seconds=4)
ID = "8f14e45fceea467a9b2c1d0e3f5a7b6c"
INSTANCE = "c9f0f895fb98ab9159f51fd0297e236d"
ADA, BO = "VQ1dU2mYbXc9", "k7PzR4sTnW03"

NEW_CONVERSATION = {
    "type": "support",
    "title": "A broken lamp",
    "members": [{"userId": BO, "access": "write"}],
    "metadata": {"order": 1042},
}
NEW_MESSAGE = {"content": "It does not light up.", "clientMessageId": "m-1"}


def views() -> Views:
    """As a deployment with no configuration of its own renders."""
    return Views.of(config.load({}))


def page_view() -> dict[str, Any]:
    """The example's page as it is on the wire."""
    rendered: dict[str, Any] = from_json(to_json(views().page(page()), by_alias=True))
    return rendered


def conversation(*, seq: int = 0, at: datetime = AT) -> models.Conversation:
    """The example's conversation after `seq` entries, the last one at `at`."""
    request = parse(CreateConversation, NEW_CONVERSATION, LIMITS)
    return models.Conversation(
        id=ID,
        type=request.type,
        title=request.title,
        owner=ADA,
        members=request.members_beside(ADA),
        seq=seq,
        metadata=request.metadata,
        created_at=AT,
        updated_at=at,
    )


def closed() -> models.Conversation:
    """The example's conversation once it is finalized."""
    return conversation(seq=2, at=LATER).model_copy(update={"status": "finalized", "finalized_at": LATER})


def message() -> Message:
    """Its first entry."""
    draft: Draft = parse(AddMessage, NEW_MESSAGE, LIMITS).draft(ID, ADA)
    return draft.numbered(1, LATER)


def finalized() -> Finalized:
    """Its last entry."""
    return Finalized(conversation_id=ID, seq=2, finalized_at=LATER)


def page() -> Page:
    """Its log after one message."""
    return Page(conversation(seq=1, at=LATER), [message().wire()])


def typing() -> TypingState:
    """Somebody types in it."""
    return TypingState(conversation_id=ID, user_id=BO, typing=True)


def bus_events() -> tuple[Event, ...]:
    """What the bus carries of all this."""
    return (
        event_of(message(), origin=INSTANCE),
        event_of(finalized(), origin=INSTANCE),
        Typing(conversation_id=ID, data=typing(), origin=INSTANCE, at=LATER),
    )
