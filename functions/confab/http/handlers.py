"""The REST handlers: parse a call's fields, run the use case, return its resource."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from confab.conversations import Conversations, Listing
from confab.domain.errors import InvalidRequest
from confab.domain.models import Conversation, Message, Page, Principal
from confab.domain.requests import (
    IDEMPOTENCY_KEY,
    AddMessage,
    CreateConversation,
    FinalizeConversation,
    GetConversation,
    ListConversations,
    parse,
)

IDEMPOTENCY_HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has been authenticated."""

    caller: Principal
    conversation_id: str
    """The id in the path, "" where the route has none."""
    fields: object
    """The JSON body, or the fields of the query string."""
    headers: Mapping[str, str]
    """Of each name in lower case the first value."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A resource as the response to a call; the edge renders it."""

    status: int
    resource: Conversation | Message | Page | Listing
    headers: Mapping[str, str] = field(default_factory=dict)


async def create_conversation(call: Call, conversations: Conversations) -> Answer:
    """201 and the new conversation; 200 and the first one for a repeated Idempotency-Key."""
    key = call.headers.get(IDEMPOTENCY_HEADER.lower())
    if key is not None and not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise InvalidRequest.field(IDEMPOTENCY_HEADER, "must be 1 to 128 printable ASCII characters")
    request = parse(CreateConversation, call.fields, conversations.limits)
    created = await conversations.create_conversation(request, key, caller=call.caller)
    location = {"Location": f"/api/conversations/{created.conversation.id}"}
    return Answer(201 if created.new else 200, created.conversation, location)


async def list_conversations(call: Call, conversations: Conversations) -> Answer:
    """200 and a page of the caller's conversations, latest activity first."""
    request = parse(ListConversations, call.fields, conversations.limits)
    return Answer(200, await conversations.list_conversations(request, caller=call.caller))


async def get_conversation(call: Call, conversations: Conversations) -> Answer:
    """200, the conversation and a page of its messages, ascending."""
    request = parse(GetConversation, call.fields, conversations.limits)
    page = await conversations.get_conversation(call.conversation_id, request, caller=call.caller)
    return Answer(200, page)


async def add_message(call: Call, conversations: Conversations) -> Answer:
    """201 and the stored message; 200 and the first one for a repeated clientMessageId."""
    request = parse(AddMessage, call.fields, conversations.limits)
    appended = await conversations.add_message(call.conversation_id, request, caller=call.caller)
    return Answer(201 if appended.new else 200, appended.message)


async def finalize_conversation(call: Call, conversations: Conversations) -> Answer:
    """200 and the finalized conversation, also for a repeated request."""
    parse(FinalizeConversation, call.fields, conversations.limits)
    return Answer(200, await conversations.finalize_conversation(call.conversation_id, caller=call.caller))
