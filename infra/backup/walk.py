"""Every row of a store, in bounded memory, so that what is read while others write fits together.

A log is only ever added to, so a conversation's messages up to the head that was read with it are
the same whenever they are read. What changes with the head (the conversation's record, and where
it stands in its participants' lists) is read in one transaction with it; what names a message is
looked up from the message. So each conversation is as it was at one moment.

The keys of creations come first: the conversation that a key names is then there already and is
never deleted, so no key in a backup names a conversation that is not in it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from confab.store.codec import RecordId
from confab.store.connection import Connection
from infra.backup.archive import BackupError
from infra.backup.rows import Row

IDS_PER_PAGE = 2_000
ROWS_PER_PAGE = 200
"""Of messages that may be large."""

# A range of ids is read in their order, from where the page begins to its limit. With
# `WHERE id > $behind` the server would read the table from its first row for every page.
CREATED_IDS = "SELECT VALUE id FROM type::record('created', $behind>..) LIMIT $limit"
CONVERSATION_IDS = "SELECT VALUE id FROM type::record('conversation', $behind>..) LIMIT $limit"

_RECORDS = "SELECT * FROM $records"

# One statement is one transaction: what it reads is of one moment.
_CONVERSATIONS = """{
    LET $found = (SELECT * FROM $conversations);
    LET $participations = array::flatten($found.map(|$one|
        array::concat([$one.owner], $one.members.user_id)
            .map(|$user| type::record('participation', [$user, record::id($one.id)]))
    ));
    RETURN { conversations: $found, participations: $participations, rows: (SELECT * FROM $participations) };
}"""


async def rows(connection: Connection) -> AsyncIterator[Row]:
    """Every row, each once. Raises BackupError where the store lacks one that it ought to have."""
    async for page in _pages(connection, CREATED_IDS, []):
        for record in await connection.query(_RECORDS, {"records": page}):
            yield Row.of(record)
    async for page in _pages(connection, CONVERSATION_IDS, ""):
        async for row in _conversations(connection, page):
            yield row


async def _pages(
    connection: Connection, statement: str, behind: str | list[str]
) -> AsyncIterator[list[RecordId]]:
    """The ids that a statement finds, in order, in pages short enough to ask for their records."""
    while ids := await connection.query(statement, {"behind": behind, "limit": IDS_PER_PAGE}):
        for page in _slices(ids):
            yield page
        behind = ids[-1].id


async def _conversations(connection: Connection, ids: Sequence[RecordId]) -> AsyncIterator[Row]:
    """Some conversations with all that belongs to them."""
    found = await connection.query(_CONVERSATIONS, {"conversations": ids})
    _require_all(found["participations"], found["rows"])
    for record in (*found["conversations"], *found["rows"]):
        yield Row.of(record)
    for wanted in _slices(_messages(found["conversations"])):
        async for row in _messages_and_keys(connection, wanted):
            yield row


async def _messages_and_keys(connection: Connection, wanted: Sequence[RecordId]) -> AsyncIterator[Row]:
    messages = await connection.query(_RECORDS, {"records": wanted})
    _require_all(wanted, messages)
    keys = [
        RecordId("sent", [message["id"].id[0], message["author"], message["client_message_id"]])
        for message in messages
        if message.get("client_message_id") is not None
    ]
    sent = await connection.query(_RECORDS, {"records": keys}) if keys else []
    _require_all(keys, sent)
    for record in (*messages, *sent):
        yield Row.of(record)


def _messages(conversations: Iterable[Mapping[str, Any]]) -> Iterator[RecordId]:
    """The record of each message of these logs; the entry that finalizes one has none."""
    for conversation in conversations:
        last = conversation["seq"] - (conversation.get("finalized_at") is not None)
        for seq in range(1, last + 1):
            yield RecordId("message", [conversation["id"].id, seq])


def _slices(ids: Iterable[RecordId]) -> Iterator[list[RecordId]]:
    remaining = iter(ids)
    while page := list(islice(remaining, ROWS_PER_PAGE)):
        yield page


def _require_all(wanted: Sequence[RecordId], found: Sequence[Mapping[str, Any]]) -> None:
    if len(found) != len(wanted):
        there = {str(record["id"]) for record in found}
        missing = next(record for record in wanted if str(record) not in there)
        raise BackupError(f"the store is damaged: it has no {missing}")
