"""Cells: realtime services with a topic each, so that an event reaches the instances of one only.

A conversation belongs to one cell for life, and its id names it: 32 hexadecimal digits are the cell
`main`, which every deployment has; the ids of another cell end with a hyphen and its name. So no
lookup is needed, and adding a cell moves no conversation.
"""

import re
import uuid
from collections.abc import Container

MAIN = "main"
"""The cell of ids that name none."""
CELL_NAME = r"[a-z](?:[a-z0-9-]{0,12}[a-z0-9])?"
"""A cell's name is at most 14 characters, so that ids stay within their 64."""
TOPIC = "confab-events"
"""The topic of `main`, with which those of the other cells begin."""
_NAMED = re.compile(rf"(?:.*-)?[0-9a-f]{{32}}-({CELL_NAME})", re.ASCII | re.DOTALL)


def new_id(cell: str) -> str:
    """The id of a new conversation of this cell."""
    digits = uuid.uuid4().hex
    return digits if cell == MAIN else f"{digits}-{cell}"


def cell_of(conversation_id: str, cells: Container[str]) -> str:
    """Which of these cells a conversation belongs to.

    `main`, if the id names none or one that does not exist, such as a cell that was removed.
    """
    named = _NAMED.fullmatch(conversation_id)
    return named[1] if named is not None and named[1] in cells else MAIN


def topic_of(cell: str) -> str:
    """The topic of this cell's events."""
    return TOPIC if cell == MAIN else f"{TOPIC}-{cell}"
