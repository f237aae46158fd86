"""`GET /api/conversations`."""

from confab import conversations
from confab.domain.requests import ListConversations, parse
from confab.operations.endpoint import Answer, Call
from confab.wiring import Ports


async def handle(call: Call, ports: Ports) -> Answer:
    """200 and a page of the caller's conversations, latest activity first."""
    listing = await conversations.list_conversations(
        parse(ListConversations, call.fields, ports.limits), caller=call.caller, store=ports.store
    )
    return Answer(200, ports.views.listing(listing))
