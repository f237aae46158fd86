"""The REST handlers: parse a call's fields, run the use case, return its resource."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from confab.conversations import Conversations
from confab.domain.access import NO_CONVERSATION
from confab.domain.errors import InvalidRequest, NotFound
from confab.domain.limits import Limits
from confab.domain.models import Principal
from confab.domain.requests import (
    ID,
    IDEMPOTENCY_KEY,
    AddMessage,
    CreateConversation,
    EditMessage,
    GetConversation,
    ListConversations,
    MemberPath,
    MessagePath,
    NoFields,
    ReadLog,
    SetMember,
    UpdateConversation,
    parse,
)
from confab.views import Resource

IDEMPOTENCY_HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has been authenticated."""

    caller: Principal
    path: Mapping[str, str]
    """The parameters in the path, decoded."""
    fields: object
    """The JSON body, or the fields of the query string."""
    headers: Mapping[str, str]
    """Of each name in lower case the first value."""
    limits: Limits
    conversations: Callable[[], Conversations]
    """The use cases, for a request that has been parsed: it counts as under way then. Raises RateLimited."""

    @property
    def conversation_id(self) -> str:
        """The conversation that the path names. Raises NotFound for what can be no conversation's id."""
        if not re.fullmatch(ID, self.path["id"]):
            raise NotFound(NO_CONVERSATION)
        return self.path["id"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A resource as the response to a call; the edge renders it."""

    status: int
    resource: Resource | None
    """None for a response without a body."""
    headers: Mapping[str, str] = field(default_factory=dict)


async def create_conversation(call: Call) -> Answer:
    """201 and the new conversation; 200 and the first one for a repeated Idempotency-Key."""
    key = call.headers.get(IDEMPOTENCY_HEADER.lower())
    if key is not None and not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise InvalidRequest.field(IDEMPOTENCY_HEADER, "must be 1 to 128 printable ASCII characters")
    request = parse(CreateConversation, call.fields, call.limits)
    created = await call.conversations().create_conversation(request, key, caller=call.caller)
    location = {"Location": f"/api/conversations/{created.conversation.id}"}
    return Answer(201 if created.new else 200, created.conversation, location)


async def list_conversations(call: Call) -> Answer:
    """200 and a page of the caller's conversations, latest activity first."""
    request = parse(ListConversations, call.fields, call.limits)
    return Answer(200, await call.conversations().list_conversations(request, caller=call.caller))


async def get_conversation(call: Call) -> Answer:
    """200, the conversation and a page of its messages, ascending."""
    request = parse(GetConversation, call.fields, call.limits)
    page = await call.conversations().get_conversation(call.conversation_id, request, caller=call.caller)
    return Answer(200, page)


async def add_message(call: Call) -> Answer:
    """201 and the stored message; 200 and the first one for a repeated clientMessageId."""
    request = parse(AddMessage, call.fields, call.limits)
    appended = await call.conversations().add_message(call.conversation_id, request, caller=call.caller)
    return Answer(201 if appended.new else 200, appended.message)


async def finalize_conversation(call: Call) -> Answer:
    """200 and the finalized conversation, also for a repeated request."""
    parse(NoFields, call.fields, call.limits)
    return Answer(
        200, await call.conversations().finalize_conversation(call.conversation_id, caller=call.caller)
    )


async def read_log(call: Call) -> Answer:
    """200 and a page of the log, ascending, with entries of all kinds."""
    request = parse(ReadLog, call.fields, call.limits)
    page = await call.conversations().read_log(call.conversation_id, request, caller=call.caller)
    return Answer(200, page)


async def update_conversation(call: Call) -> Answer:
    """200 and the conversation."""
    request = parse(UpdateConversation, call.fields, call.limits)
    return Answer(
        200, await call.conversations().update_conversation(call.conversation_id, request, caller=call.caller)
    )


async def edit_message(call: Call) -> Answer:
    """200 and the message."""
    at = parse(MessagePath, call.path, call.limits)
    request = parse(EditMessage, call.fields, call.limits)
    return Answer(
        200,
        await call.conversations().edit_message(call.conversation_id, at.seq, request, caller=call.caller),
    )


async def delete_message(call: Call) -> Answer:
    """200 and the emptied message, also for a repeated request."""
    at = parse(MessagePath, call.path, call.limits)
    parse(NoFields, call.fields, call.limits)
    return Answer(
        200, await call.conversations().delete_message(call.conversation_id, at.seq, caller=call.caller)
    )


async def set_member(call: Call) -> Answer:
    """200 and the conversation."""
    at = parse(MemberPath, call.path, call.limits)
    request = parse(SetMember, call.fields, call.limits)
    return Answer(
        200,
        await call.conversations().set_member(call.conversation_id, at.user_id, request, caller=call.caller),
    )


async def remove_member(call: Call) -> Answer:
    """200 and the conversation; 204 for a member who left and may not read it any more."""
    at = parse(MemberPath, call.path, call.limits)
    parse(NoFields, call.fields, call.limits)
    found = await call.conversations().remove_member(call.conversation_id, at.user_id, caller=call.caller)
    return Answer(200, found) if call.caller.uid in found.participants else Answer(204, None)


async def delete_conversation(call: Call) -> Answer:
    """204; 404 for a repeated request."""
    parse(NoFields, call.fields, call.limits)
    await call.conversations().delete_conversation(call.conversation_id, caller=call.caller)
    return Answer(204, None)


async def erase_me(call: Call) -> Answer:
    """202 and what was erased so far."""
    parse(NoFields, call.fields, call.limits)
    return Answer(202, await call.conversations().erase_me(caller=call.caller))
