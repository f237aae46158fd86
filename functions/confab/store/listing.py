"""A user's list of conversations, latest activity first.

Each participant has a note of where the conversation stands in their list. To write all of them
with every message would cost a busy room of a hundred people more than everything else, so a
note is written anew once it is `WINDOW_MS` old. A conversation's activity is therefore never
before its note and less than the window later, and whoever reads a list looks that much further.
"""

from typing import Any

from confab.domain.models import Conversation, Status
from confab.ports import Place
from confab.store import records, statements
from confab.store.connection import Connection

WINDOW_MS = 5_000
"""Milliseconds of activity that a note in a list may miss. Releases that serve together must agree."""


async def conversations(
    connection: Connection, user: str, *, status: Status | None, behind: Place | None, limit: int
) -> list[Conversation]:
    """As `Store.conversations` promises.

    One round trip, and another one where conversations that are ahead of `behind` by now are
    noted behind it.
    """
    start = reached = "" if behind is None else records.place(behind.updated_at, behind.conversation_id)
    found: dict[str, tuple[str, Conversation]] = {}  # by id: its place, and itself
    while True:
        variables: dict[str, Any] = {
            "user": user,
            "behind": reached,
            "active": 0 if status == "finalized" else limit,
            "finalized": 0 if status == "active" else limit,
            "digits": records.PLACE_DIGITS,
            "window": WINDOW_MS,
        }
        answer = await connection.query(statements.LISTING, variables)
        for row in answer["conversations"]:
            one = records.conversation_of(row)
            place = records.place(one.updated_at, one.id)
            if place > start and status in (None, one.status):
                found[one.id] = place, one
        first = sorted(found.values())[:limit]  # no two have the same place
        reached = answer["last"]  # all that belong up to here are found
        if reached is None or (len(first) == limit and first[-1][0] <= reached):
            return [one for _, one in first]
