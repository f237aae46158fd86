"""The kinds of entries that a log has, one module each.

An entry has the same JSON form on a page of the log, as the socket event that its kind names, and as
`data` on the bus. It carries the state of a message or of the conversation as it is when the entry is
read, so earlier words are nowhere to be read once they are edited or deleted.
"""

from functools import cache
from typing import Annotated

from pydantic import Field, TypeAdapter

from confab.domain.entries.conversation_changed import ConversationChanged
from confab.domain.entries.finalized import Finalized
from confab.domain.entries.message import Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.models import Wire

Entry = Annotated[Message | MessageChanged | ConversationChanged | Finalized, Field(discriminator="kind")]
"""A numbered item of a conversation's log: 1, 2, 3 … without gaps or duplicates."""


@cache
def _entries() -> TypeAdapter[Entry]:
    """Made when it is first needed, which is never in most functions."""
    return TypeAdapter(Entry)


def entry_of(wire: Wire) -> Entry:
    """The entry with this JSON form, which the store made."""
    return _entries().validate_python(wire, strict=False)
