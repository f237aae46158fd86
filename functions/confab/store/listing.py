"""A user's list of conversations, latest activity first.

Each participant has a record of where the conversation stands in their list. To write all of
them with every message would cost a busy room of a hundred people more than everything else, so
one is written anew once it is `WINDOW_MS` old. A conversation's activity is therefore never
before its record and less than the window later, and whoever reads a list reads that much further.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from confab.domain.models import Status, Wire
from confab.ports import Cursor
from confab.store import rows, statements
from confab.store.connection import Connection

WINDOW_MS = 5_000
"""Milliseconds of activity that a record in a list may miss. Releases that serve together must agree."""


async def conversations(
    connection: Connection, user: str, *, status: Status | None, after: Cursor | None, limit: int
) -> list[Wire]:
    """As `Store.conversations` promises.

    One round trip, and another one where conversations that are ahead of the cursor by now are
    recorded after it.
    """
    start = reached = "" if after is None else rows.activity_key(after.updated_at, after.conversation_id)
    found: dict[str, Mapping[str, Any]] = {}  # by activity key, of which no two are the same
    while True:
        variables: dict[str, Any] = {
            "user": user,
            "after": reached,
            "active": 0 if status == "finalized" else limit,
            "finalized": 0 if status == "active" else limit,
            "digits": rows.KEY_DIGITS,
            "window": WINDOW_MS,
        }
        text, last = await connection.query(statements.LISTING, variables)
        for row in from_json(text):
            key = rows.activity_key(datetime.fromisoformat(row["updated_at"]), row["id"])
            if key > start and status in (None, "finalized" if row.get("finalized_at") else "active"):
                found[key] = row
        first = sorted(found)[:limit]
        reached = last  # all that belong up to here are found
        if reached is None or (len(first) == limit and first[-1] <= reached):
            return [rows.conversation_wire(found[key]) for key in first]
