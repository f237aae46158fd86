"""Resources as clients see them, the same over REST and over a socket."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import to_json

from confab.config import Config
from confab.conversations import Listing, cursor_after
from confab.domain.cells import cell_of
from confab.domain.models import Conversation, Message, Page, Wire

ESCAPED_BYTES = 6
"""The most bytes that a character of text has in JSON, which writes U+0001 as `\\u0001`."""
MESSAGE_BYTES = 1_536
"""The most bytes that a message has as JSON, beside its content and metadata."""
LISTING_BYTES = 160
"""The most bytes that a list has as JSON, beside its conversations."""


class Views:
    """Renders resources: adds the address of a room's cell, and bounds the size of a page.

    A page keeps the items nearest to where it begins, up to `max_page_bytes` as JSON, at least one.
    """

    def __init__(self, config: Config) -> None:
        self._addresses = config.addresses
        self._max_page_bytes = config.max_page_bytes

    def render(self, resource: Conversation | Message | Page | Listing) -> object:
        """The JSON form of a resource; a message stays a model, so that it is serialized once."""
        match resource:
            case Conversation():
                return self.conversation(resource)
            case Page():
                return self.page(resource)
            case Listing():
                return self.listing(resource)
            case Message():
                return resource

    def conversation(self, conversation: Conversation) -> dict[str, Any]:
        """The conversation with its `realtimeUrl`."""
        return self._located(conversation.wire())

    def page(self, page: Page) -> dict[str, Any]:
        """A conversation and some of its messages, ascending."""
        messages = page.messages
        body = {"conversation": self.conversation(page.conversation), "messages": [], "hasMore": False}
        spare = self._max_page_bytes - len(to_json(body))
        if _bound(messages) > spare:  # measuring each costs a tenth of reading them
            if page.forward:
                messages = messages[: _fitting(messages, spare)]
            else:
                messages = messages[-_fitting(reversed(messages), spare) :]
        return body | {"messages": messages, "hasMore": page.has_more or len(messages) < len(page.messages)}

    def listing(self, listing: Listing) -> dict[str, Any]:
        """Some of a user's conversations, and the cursor that continues after them."""
        conversations = [self._located(one) for one in listing.conversations]
        count, spare = len(conversations), self._max_page_bytes - LISTING_BYTES
        if len(to_json(conversations)) > spare:
            count = _fitting(conversations, spare)
        more = listing.has_more or count < len(conversations)
        return {
            "conversations": conversations[:count],
            "nextCursor": cursor_after(listing.conversations[count - 1]) if more else None,
        }

    def _located(self, conversation: Wire) -> Wire:
        """All addresses of a cell serve all of its rooms; a conversation keeps to one of them."""
        urls = self._addresses[cell_of(conversation["id"], self._addresses)]
        return conversation | {"realtimeUrl": urls[zlib.crc32(conversation["id"].encode()) % len(urls)]}


def _bound(messages: Sequence[Wire]) -> int:
    """An upper bound of these messages' bytes as JSON, in a third of the time of measuring them."""
    texts = sum(len(one["content"]) for one in messages)
    metadata = sum(len(to_json(one["metadata"])) for one in messages if one["metadata"])
    return ESCAPED_BYTES * texts + metadata + MESSAGE_BYTES * len(messages)


def _fitting(items: Iterable[object], most_bytes: int) -> int:
    """How many of these, from the first on, fit into so many bytes as JSON, with commas; at least one."""
    count, size = 0, -1
    for item in items:
        size += 1 + len(to_json(item))
        if count and size > most_bytes:
            break
        count += 1
    return count
