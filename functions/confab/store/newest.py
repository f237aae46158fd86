"""The newest pages of conversations, read together when many are wanted at once.

That is what a realtime container does when it starts: everybody who was on another one comes at
the same time, and each join reads a page. Those who want the same page share it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from confab.domain.models import Conversation, MessageView
from confab.store import records, statements
from confab.store.connection import Aborted
from confab.store.gathering import Gathering, telling

GROUP_MESSAGES = 1_000
"""Messages that one answer may hold; a single page may have more."""

Page = tuple[Conversation, list[MessageView]]
Key = tuple[str, int, int | None]
"""A page's conversation, limit, and how many characters are enough for it."""


@dataclass(eq=False, slots=True)
class Wanted:
    """A page, and whoever waits for it."""

    conversation_id: str
    limit: int
    enough: int | None
    outcome: "asyncio.Future[Page | None]"

    @property
    def page(self) -> Key:
        """Which page it is."""
        return self.conversation_id, self.limit, self.enough


class Newest(Gathering[Wanted]):
    """The reads of this process. One that comes later never gets what was read before."""

    async def read(self, conversation_id: str, limit: int, enough: int | None) -> Page | None:
        """As `Store.newest` promises."""
        outcome = asyncio.get_running_loop().create_future()
        page: Page | None = await self.ask(Wanted(conversation_id, limit, enough, outcome))
        return page

    def next_group(self) -> list[Wanted]:
        """The next pages that fit into one answer, with everybody who wants one of them."""
        group: list[Wanted] = []
        pages: set[Key] = set()
        size = 0
        while self._waiting:
            wanted = self._waiting[0]
            if wanted.page not in pages:
                size += wanted.limit
                if group and size > GROUP_MESSAGES:
                    break
                pages.add(wanted.page)
            self._waiting.popleft()
            if not wanted.outcome.done():  # else its caller gave up
                group.append(wanted)
        return group

    async def send(self, group: Sequence[Wanted]) -> None:
        """Read the group's pages; one that the server refuses to read takes no other along."""
        try:
            await self._read(group)
        except Aborted:
            pages = {wanted.page for wanted in group}
            if len(pages) == 1:
                raise
            for page in pages:
                alone = [wanted for wanted in group if wanted.page == page]
                with telling(alone):
                    await self._read(alone)

    async def _read(self, group: Sequence[Wanted]) -> None:
        pages = list(dict.fromkeys(wanted.page for wanted in group))
        asked = [
            {"conversation": records.conversation_record(one), "limit": limit, "enough": enough}
            for one, limit, enough in pages
        ]
        rows = await self._connection.query(statements.NEWEST, {"wanted": asked})
        found = dict(zip(pages, map(_page, rows), strict=True))
        for wanted in group:
            if not wanted.outcome.done():
                page = found[wanted.page]
                wanted.outcome.set_result(page and (page[0], list(page[1])))


def _page(row: records.Row | None) -> Page | None:
    if row is None:
        return None
    return records.conversation_of(row["conversation"]), records.views_of(row["messages"])
