"""Resources as clients see them, the same over REST and over a socket."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confab.conversations import Page
from confab.domain.models import Conversation


@dataclass(frozen=True, slots=True)
class Views:
    """Renders what a store does not know: where a conversation's room is served."""

    realtime_urls: Sequence[str]
    """Each serves every room; a conversation keeps to one of them."""

    def conversation(self, conversation: Conversation) -> dict[str, Any]:
        """The conversation with its `realtimeUrl`."""
        index = zlib.crc32(conversation.id.encode()) % len(self.realtime_urls)
        return conversation.wire() | {"realtimeUrl": self.realtime_urls[index]}

    def page(self, page: Page) -> dict[str, Any]:
        """A conversation and some of its messages, ascending."""
        return {
            "conversation": self.conversation(page.conversation),
            "messages": [message.wire() for message in page.messages],
            "hasMore": page.has_more,
        }
