"""What the store asks SurrealDB. A file is a statement, or a part of one: a transaction, a round trip.

A block ends at its first RETURN and keeps what it wrote before, so all checks come before the
first write. Values are always bound, never written into the text. What is large travels as
JSON text both ways (`rows.py`), and `encoding::json::decode` never turns a string into another type.

A user who may not write is told of no error: the engine stores nothing and goes on. So whatever writes
looks at what it has stored, and throws if there is nothing.
"""

import re
from pathlib import Path

LISTING_WINDOW_MS = 5_000
"""How old a list's record of a conversation's activity may be; the same in releases that run side by side.

Each participant has a record of the conversation's activity. To update all of them with every
message would cost a busy room of a hundred people more than everything else, so one is updated
once it is this old. A list therefore reads this much further than its last conversation.
"""
MOST_STALE = 32
"""Records of one user's list that may be old at a time: further ones are updated with every message.

So a list reads so many conversations more than it lists, however many have changed.
"""


def _statement(name: str) -> str:
    """The text of a file, without the comments, which the server would parse with each query."""
    text = Path(__file__).with_name(f"{name}.surql").read_text(encoding="utf-8")
    return re.sub(r"^ *--.*\n", "", text, flags=re.MULTILINE).rstrip()


def _gathered(name: str) -> str:
    """The statement that answers many wanted items, each as the file's closure does."""
    return _statement("gathered").replace("/* each */", _statement(name))


APPEND = _statement("append")
CHANGE_CONVERSATION = _statement("change_conversation")
CHANGE_MESSAGE = _statement("change_message")
CONVERSATION = _statement("conversation")
CREATE = _statement("create")
DELETE_CONVERSATION = _statement("delete_conversation")
ERASE = _statement("erase")
ERASURES = _statement("erasures")
HEADS = _statement("heads")
INACTIVE = _statement("inactive")
LEAVE_FINALIZED = _statement("leave_finalized")
LISTING = _statement("listing")
LOG = _gathered("log")
MESSAGE = _statement("message")
NEXT_ERASURE = _statement("next_erasure")
PAGES = _gathered("pages")
PURGE = _statement("purge")
REFUSALS = _statement("refusals")
