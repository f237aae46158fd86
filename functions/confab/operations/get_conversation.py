"""`GET /api/conversations/{id}`."""

from confab import conversations
from confab.domain.requests import GetConversation, parse
from confab.operations.endpoint import Answer, Call
from confab.wiring import Ports


async def handle(call: Call, ports: Ports) -> Answer:
    """200, the conversation and a page of its messages, ascending."""
    page = await conversations.get_conversation(
        call.conversation_id,
        parse(GetConversation, call.fields, ports.limits),
        caller=call.caller,
        store=ports.store,
        enough=ports.limits.max_page_bytes,
    )
    return Answer(200, ports.views.page(page))
