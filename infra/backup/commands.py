"""What `python -m infra.backup` does: export, import, digest."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from confab.store import schema
from confab.store.connection import Connection
from infra.backup import archive, restore, walk
from infra.backup.archive import BackupError
from infra.backup.digests import Digests
from infra.backup.rows import TABLES, Row

_EVERY_S = 5.0

Tables = dict[str, dict[str, Any]]


class Progress:
    """Says on standard error how many rows have passed, every few seconds."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._rows = 0
        self._said_at = time.monotonic()

    def count(self) -> None:
        """One more row has passed."""
        self._rows += 1
        if time.monotonic() - self._said_at >= _EVERY_S:
            self._said_at = time.monotonic()
            print(f"{self._verb} {self._rows} rows", file=sys.stderr, flush=True)


async def export(connection: Connection, path: Path) -> Tables:
    """Write a backup of the store; the digests of what is in it."""
    progress = Progress("exported")
    with archive.written(path, schema=schema.VERSION) as backup:
        async for row in walk.rows(connection):
            backup.write(row)
            progress.count()
    return backup.digests.tables()


async def restored(connection: Connection, path: Path, *, resume: bool) -> Tables:
    """Put a backup into the store and read all of it again; the digests, which are the backup's.

    Nothing is written unless the file is whole, of this schema, and the store empty or `resume`:
    then rows that are there are left, and only those of this very backup may be. Raises BackupError.
    """
    summary = archive.verify(path)
    if summary.schema != schema.VERSION:
        raise BackupError(
            f"{path} has the schema of version {summary.schema}, this code works with {schema.VERSION}:"
            " restore it with the release that wrote it, then migrate"
        )
    if not resume:
        await restore.require_empty(connection)
    await restore.insert(connection, _counted(archive.rows(path)))
    found = await digest(connection)
    differing = [name for name in TABLES if found[name] != summary.tables[name]]
    if differing:
        raise BackupError(f"the store does not hold what {path} does: {', '.join(differing)}")
    return found


async def digest(connection: Connection) -> Tables:
    """The digests of what is in the store, which nobody should be writing to."""
    digests, progress = Digests(), Progress("read")
    async for row in walk.rows(connection):
        digests.add(row, row.line())
        progress.count()
    return digests.tables()


def _counted(rows: Iterable[Row]) -> Iterator[Row]:
    progress = Progress("imported")
    for row in rows:
        yield row
        progress.count()
