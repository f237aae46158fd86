"""`POST /api/conversations/{id}/finalize`."""

from confab import conversations
from confab.domain.requests import FinalizeConversation, parse
from confab.operations.endpoint import Answer, Call
from confab.wiring import Ports


async def handle(call: Call, ports: Ports) -> Answer:
    """200 and the finalized conversation, however often it is asked."""
    parse(FinalizeConversation, call.fields, ports.limits)
    conversation = await conversations.finalize_conversation(
        call.conversation_id,
        caller=call.caller,
        store=ports.store,
        announcer=ports.announcer,
        clock=ports.clock,
    )
    return Answer(200, ports.views.conversation(conversation))
