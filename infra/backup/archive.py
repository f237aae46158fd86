"""A backup's file: gzip, one line of JSON each for a header, every row, and what they add up to."""

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from infra.backup.digests import Digests
from infra.backup.rows import Row

FORMAT = "confab-backup-1"
_PRIVATE = 0o600  # it holds what people wrote


class BackupError(Exception):
    """A backup that cannot be made, read or restored; the message says why."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a backup says of itself."""

    schema: int
    started_at: str
    tables: dict[str, Any]


class Writer:
    """Takes a backup's rows."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines
        self.digests = Digests()

    def write(self, row: Row) -> None:
        """Add a row."""
        line = row.line()
        self.digests.add(row, line)
        self._lines.write(f"{line}\n")


@contextmanager
def written(path: Path, *, schema: int) -> Iterator[Writer]:
    """A writer of a new backup, which has its name only once it is whole and on the disk.

    Raises BackupError if there is a file of that name.
    """
    if path.exists():
        raise BackupError(f"{path} exists already")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        with os.fdopen(handle, "wb") as file:
            with gzip.open(file, "wt", encoding="utf-8", compresslevel=6) as lines:
                header = {
                    "format": FORMAT,
                    "schema": schema,
                    "startedAt": datetime.now(UTC).isoformat(timespec="seconds"),
                }
                lines.write(f"{json.dumps(header)}\n")
                writer = Writer(lines)
                yield writer
                lines.write(f"{json.dumps({'tables': writer.digests.tables()})}\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def verify(path: Path) -> Summary:
    """What the backup says of itself, once all of it was read and found to be so. Raises BackupError."""
    digests = Digests()
    trailer = None
    with _opened(path) as lines:
        header = _header(lines)
        for line in lines:
            if trailer is not None:
                raise BackupError(f"{path}: something follows the end")
            if line.startswith("{"):
                trailer = json.loads(line)
            else:
                text = line.rstrip("\n")
                digests.add(Row.parse(text), text)
    if trailer is None:
        raise BackupError(f"{path}: the end is missing")
    if trailer.get("tables") != digests.tables():
        raise BackupError(f"{path}: the rows are not those that were written")
    return Summary(header["schema"], header["startedAt"], trailer["tables"])


def rows(path: Path) -> Iterator[Row]:
    """The rows of a backup that was verified, in the order in which they were written."""
    with _opened(path) as lines:
        _header(lines)
        yield from (Row.parse(line) for line in lines if not line.startswith("{"))


def _header(lines: TextIO) -> dict[str, Any]:
    header = json.loads(lines.readline())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("it does not begin as one")
    return header


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield lines
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{path} is not a backup, or not a whole one: {error}") from error
