"""Entries by their numbers, read together: an instance reads what the bus tells of in many rooms."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from confab.domain.models import Entry
from confab.store import records, statements
from confab.store.reads import BATCH_ROWS, Reads

FEW = 16
"""Entries that are asked for one by one, by their ids; a scan of more costs less."""


class Range(NamedTuple):
    """Entries of a conversation, both ends included."""

    conversation_id: str
    first: int
    last: int

    @property
    def numbers(self) -> range:
        """The numbers in it that an entry can have."""
        return range(max(self.first, 1), self.last + 1)


class Entries(Reads[Range, Sequence[Entry]]):
    """Ranges of entries, as `Store.entries` promises."""

    def rows(self, key: Range) -> int:
        """The numbers in the range; one that has more than fit is read alone anyway."""
        return min(len(key.numbers), BATCH_ROWS)

    async def fetch(self, keys: Sequence[Range]) -> Sequence[Sequence[Entry]]:
        """The entries of each range."""
        few = [key for key in keys if len(key.numbers) <= FEW]
        many = [key for key in keys if len(key.numbers) > FEW]
        asked = {
            "messages": [records.message_record(key.conversation_id, n) for key in few for n in key.numbers],
            "ranges": [key._asdict() for key in many],
            "conversations": [
                records.conversation_record(one) for one in {key.conversation_id for key in keys}
            ],
        }
        found = await self._connection.query(statements.ENTRIES, asked)
        read: list[Entry] = [
            *records.messages_of(found["messages"]),
            *records.finalized_in(found["finalized"]),
        ]
        logs = defaultdict[str, dict[int, Entry]](dict)
        for entry in read:
            logs[entry.conversation_id][entry.seq] = entry
        return [
            [
                entry
                for seq, entry in sorted(logs[key.conversation_id].items())
                if key.first <= seq <= key.last
            ]
            for key in keys
        ]
