"""`POST /api/conversations`."""

import re

from confab import conversations
from confab.domain.errors import InvalidRequest
from confab.domain.requests import IDEMPOTENCY_KEY, CreateConversation, parse
from confab.operations.endpoint import Answer, Call
from confab.wiring import Ports

HEADER = "Idempotency-Key"


async def handle(call: Call, ports: Ports) -> Answer:
    """201 and the new conversation; 200 and the first one for a repeated Idempotency-Key."""
    key = call.headers.get(HEADER.lower())
    if key is not None and not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise InvalidRequest.field(HEADER, "must be 1 to 128 printable ASCII characters")
    created = await conversations.create_conversation(
        parse(CreateConversation, call.fields, ports.limits),
        key,
        caller=call.caller,
        store=ports.store,
        clock=ports.clock,
        cells=ports.config.open_cells,
    )
    return Answer(
        201 if created.new else 200,
        ports.views.conversation(created.conversation),
        {"Location": f"/api/conversations/{created.conversation.id}"},
    )
