"""`POST /api/conversations/{id}/messages`."""

from confab import conversations
from confab.domain.requests import AddMessage, parse
from confab.operations.endpoint import Answer, Call
from confab.wiring import Ports


async def handle(call: Call, ports: Ports) -> Answer:
    """201 and the stored message; 200 and the first one for a repeated clientMessageId."""
    appended = await conversations.add_message(
        call.conversation_id,
        parse(AddMessage, call.fields, ports.limits),
        caller=call.caller,
        store=ports.store,
        announcer=ports.announcer,
        clock=ports.clock,
        sends=ports.sends,
    )
    return Answer(201 if appended.new else 200, appended.message.wire())
