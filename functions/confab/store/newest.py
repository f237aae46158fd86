"""The newest pages of conversations, read together when many are wanted at once.

That is what a realtime container does when it starts: everybody who was on another one comes at
the same time, and each join reads a page.
"""

from collections.abc import Sequence
from typing import NamedTuple

from confab.domain.models import Conversation, MessageView
from confab.store import records, statements
from confab.store.reads import Reads

Page = tuple[Conversation, Sequence[MessageView]]


class PageKey(NamedTuple):
    """Which page it is."""

    conversation_id: str
    limit: int
    enough: int | None
    """Characters of content and metadata that are enough for it."""


class Newest(Reads[PageKey, Page | None]):
    """The newest pages, as `Store.newest` promises."""

    def rows(self, key: PageKey) -> int:
        """At most as many as it asks for."""
        return key.limit

    async def fetch(self, keys: Sequence[PageKey]) -> Sequence[Page | None]:
        """Each page, None where there is no conversation."""
        asked = [
            {
                "conversation": records.conversation_record(key.conversation_id),
                "limit": key.limit,
                "enough": key.enough,
            }
            for key in keys
        ]
        return [*map(_page, await self._connection.query(statements.NEWEST, {"wanted": asked}))]


def _page(row: records.Row | None) -> Page | None:
    if row is None:
        return None
    return records.conversation_of(row["conversation"]), records.views_of(row["messages"])
