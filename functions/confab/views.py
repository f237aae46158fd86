"""Resources as clients see them, the same over REST and over a socket."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import to_json

from confab.config import Config
from confab.conversations import Listing, cursor_after
from confab.domain.cells import cell_of
from confab.domain.entries.message import Message
from confab.domain.models import Conversation, LogPage, Page, Wire
from confab.erasure import Progress

ESCAPED_BYTES = 6
"""The most bytes that a character of text has in JSON, which writes U+0001 as `\\u0001`."""
MESSAGE_BYTES = 1_536
"""The most bytes that a message has as JSON, beside its content and metadata."""
LISTING_BYTES = 160
"""The most bytes that a list has as JSON, beside its conversations."""


Resource = Conversation | Message | Page | LogPage | Listing | Progress


class Views:
    """Renders resources: adds the address of a room's cell, and bounds the size of a page.

    A page keeps the items nearest to where it begins, up to `max_page_bytes` as JSON, at least one.
    """

    def __init__(self, config: Config) -> None:
        self._addresses = config.addresses
        self._max_page_bytes = config.max_page_bytes

    def render(self, resource: Resource) -> object:
        """The JSON form of a resource; a message stays a model, so that it is serialized once."""
        match resource:
            case Conversation():
                return self.conversation(resource)
            case Page():
                return self.page(resource)
            case LogPage():
                return {name: value for name, value in self.page(resource).items() if name != "conversation"}
            case Listing():
                return self.listing(resource)
            case Message() | Progress():
                return resource

    def conversation(self, conversation: Conversation) -> dict[str, Any]:
        """The conversation with its `realtimeUrl`."""
        return self.locate(conversation).wire()

    def locate(self, conversation: Conversation) -> Conversation:
        """The conversation with its `realtimeUrl`."""
        return conversation.model_copy(update={"realtime_url": self._address(conversation.id)})

    def page(self, page: Page | LogPage) -> dict[str, Any]:
        """A conversation and some of its messages or entries, ascending."""
        items: Sequence[Wire]
        if isinstance(page, LogPage):
            name, items, forward = "entries", [self._entry(one) for one in page.entries], True
        else:
            name, items, forward = "messages", page.messages, page.forward
        body = {"conversation": self.conversation(page.conversation), name: [], "hasMore": False}
        spare = self._max_page_bytes - len(to_json(body))
        kept = items
        if _bound(items) > spare:  # measuring each costs a tenth of reading them
            kept = items[: _fitting(items, spare)] if forward else items[-_fitting(reversed(items), spare) :]
        return body | {name: kept, "hasMore": page.has_more or len(kept) < len(items)}

    def _entry(self, entry: Wire) -> Wire:
        if entry["kind"] != "conversation_changed":
            return entry
        return entry | {"conversation": self._located(entry["conversation"])}

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
        return conversation | {"realtimeUrl": self._address(conversation["id"])}

    def _address(self, conversation_id: str) -> str:
        """All addresses of a cell serve all of its rooms; a conversation keeps to one of them."""
        urls = self._addresses[cell_of(conversation_id, self._addresses)]
        return urls[zlib.crc32(conversation_id.encode()) % len(urls)]


def _bound(items: Sequence[Wire]) -> int:
    """An upper bound of these items' bytes as JSON, for messages in a third of the time of measuring them."""
    size = MESSAGE_BYTES * len(items)
    for item in items:
        if item["kind"] != "message":
            size += len(to_json(item))
        else:
            size += ESCAPED_BYTES * len(item["content"])
            size += len(to_json(item["metadata"])) if item["metadata"] else 0
    return size


def _fitting(items: Iterable[object], most_bytes: int) -> int:
    """How many of these, from the first on, fit into so many bytes as JSON, with commas; at least one."""
    count, size = 0, -1
    for item in items:
        size += 1 + len(to_json(item))
        if count and size > most_bytes:
            break
        count += 1
    return count
