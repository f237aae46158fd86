"""Entries by their numbers, read together: an instance reads what the bus tells of in many rooms."""

from collections.abc import Sequence
from typing import NamedTuple

from confab.domain.models import Entry
from confab.store import records, statements
from confab.store.reads import Reads


class Range(NamedTuple):
    """Entries of a conversation, both ends included."""

    conversation_id: str
    first: int
    last: int


class Entries(Reads[Range, Sequence[Entry]]):
    """Ranges of entries, as `Store.entries` promises."""

    def rows(self, key: Range) -> int:
        """The numbers in the range."""
        return max(key.last - key.first + 1, 0)

    async def fetch(self, keys: Sequence[Range]) -> Sequence[Sequence[Entry]]:
        """The entries of each range. By their ids they cost less than a scan of each range does."""
        asked = {
            "messages": [
                records.message_record(key.conversation_id, n) for key in keys for n in _numbers(key)
            ],
            "conversations": [
                records.conversation_record(one) for one in {key.conversation_id for key in keys}
            ],
        }
        found = await self._connection.query(statements.ENTRIES, asked)
        read: list[Entry] = [
            *records.messages_of(found["messages"]),
            *records.finalized_in(found["finalized"]),
        ]
        entries = {(entry.conversation_id, entry.seq): entry for entry in read}
        ids = ([(key.conversation_id, n) for n in _numbers(key)] for key in keys)
        return [[entries[one] for one in wanted if one in entries] for wanted in ids]


def _numbers(key: Range) -> range:
    return range(max(key.first, 1), key.last + 1)
