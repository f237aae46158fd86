"""Resources as clients see them, the same over REST and over a socket."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confab.conversations import Page
from confab.domain.cells import cell_of
from confab.domain.models import Conversation


@dataclass(frozen=True, slots=True)
class Views:
    """Renders what a store does not know: where a conversation's room is served."""

    addresses: Mapping[str, Sequence[str]]
    """Of each cell. All of a cell's serve all of its rooms; a conversation keeps to one of them."""

    def conversation(self, conversation: Conversation) -> dict[str, Any]:
        """The conversation with its `realtimeUrl`."""
        urls = self.addresses[cell_of(conversation.id, self.addresses)]
        url = urls[zlib.crc32(conversation.id.encode()) % len(urls)]
        return conversation.wire() | {"realtimeUrl": url}

    def page(self, page: Page) -> dict[str, Any]:
        """A conversation and some of its messages, ascending; the messages are rendered with the whole."""
        return {
            "conversation": self.conversation(page.conversation),
            "messages": page.messages,
            "hasMore": page.has_more,
        }
