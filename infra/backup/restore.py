"""A backup's rows put back into a store."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from confab.store.connection import Connection
from infra.backup.archive import BackupError
from infra.backup.rows import TABLES, Row
from infra.backup.walk import ROWS_PER_PAGE

# A row that is there already is left: a batch may be sent again, and an import may go on.
_INSERT = "INSERT IGNORE INTO {table} $rows RETURN NONE"
_ANY = "SELECT VALUE id FROM {table} LIMIT 1"


async def require_empty(connection: Connection) -> None:
    """Return if the store holds nothing. Raises BackupError."""
    for table in TABLES:
        if await connection.query(_ANY.format(table=table), {}):
            raise BackupError(f"the store is not empty: it has rows in {table}")


async def insert(connection: Connection, rows: Iterable[Row]) -> None:
    """Put the rows into the store, as they were."""
    for table, batch in _batches(rows):
        await connection.query(_INSERT.format(table=table), {"rows": batch})


def _batches(rows: Iterable[Row]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows in their order, a few of one table at a time."""
    for table, of_table in groupby(rows, key=lambda row: row.table):
        while batch := [row.record for row in islice(of_table, ROWS_PER_PAGE)]:
            yield table, batch
