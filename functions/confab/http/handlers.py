"""The REST handlers: parse a call's fields, run the use case, return its resource."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from confab.conversations import Conversations
from confab.domain.access import NO_CONVERSATION
from confab.domain.errors import InvalidRequest, NotFound
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
    parse(NoFields, call.fields, conversations.limits)
    return Answer(200, await conversations.finalize_conversation(call.conversation_id, caller=call.caller))


async def read_log(call: Call, conversations: Conversations) -> Answer:
    """200 and a page of the log, ascending, with entries of all kinds."""
    request = parse(ReadLog, call.fields, conversations.limits)
    page = await conversations.read_log(call.conversation_id, request, caller=call.caller)
    return Answer(200, page)


async def update_conversation(call: Call, conversations: Conversations) -> Answer:
    """200 and the conversation."""
    request = parse(UpdateConversation, call.fields, conversations.limits)
    return Answer(
        200, await conversations.update_conversation(call.conversation_id, request, caller=call.caller)
    )


async def edit_message(call: Call, conversations: Conversations) -> Answer:
    """200 and the message."""
    at = parse(MessagePath, call.path, conversations.limits)
    request = parse(EditMessage, call.fields, conversations.limits)
    return Answer(
        200, await conversations.edit_message(call.conversation_id, at.seq, request, caller=call.caller)
    )


async def delete_message(call: Call, conversations: Conversations) -> Answer:
    """200 and the emptied message, also for a repeated request."""
    at = parse(MessagePath, call.path, conversations.limits)
    parse(NoFields, call.fields, conversations.limits)
    return Answer(200, await conversations.delete_message(call.conversation_id, at.seq, caller=call.caller))


async def set_member(call: Call, conversations: Conversations) -> Answer:
    """200 and the conversation."""
    at = parse(MemberPath, call.path, conversations.limits)
    request = parse(SetMember, call.fields, conversations.limits)
    return Answer(
        200, await conversations.set_member(call.conversation_id, at.user_id, request, caller=call.caller)
    )


async def remove_member(call: Call, conversations: Conversations) -> Answer:
    """200 and the conversation; 204 for a member who left and may not read it any more."""
    at = parse(MemberPath, call.path, conversations.limits)
    parse(NoFields, call.fields, conversations.limits)
    found = await conversations.remove_member(call.conversation_id, at.user_id, caller=call.caller)
    return Answer(200, found) if call.caller.uid in found.participants else Answer(204, None)


async def delete_conversation(call: Call, conversations: Conversations) -> Answer:
    """204; 404 for a repeated request."""
    parse(NoFields, call.fields, conversations.limits)
    await conversations.delete_conversation(call.conversation_id, caller=call.caller)
    return Answer(204, None)


async def erase_me(call: Call, conversations: Conversations) -> Answer:
    """202 and what was erased so far."""
    parse(NoFields, call.fields, conversations.limits)
    return Answer(202, await conversations.erase_me(caller=call.caller))
