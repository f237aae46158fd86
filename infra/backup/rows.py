"""A row of the store as a line of JSON, and back: the same row is always the same line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from confab.store.codec import RecordId

TABLES = ("created", "conversation", "participation", "message", "sent")
"""Every table but the schema's version, in the order in which a backup has their first rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its table, its id, and its other fields."""

    table: str
    id: Any
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Row":
        """The row that a query answered."""
        found: RecordId = record["id"]
        return cls(found.table, found.id, {name: value for name, value in record.items() if name != "id"})

    @property
    def record(self) -> dict[str, Any]:
        """The row as the store takes it."""
        return {"id": RecordId(self.table, self.id), **self.fields}

    def line(self) -> str:
        """The row's line, without the newline."""
        return json.dumps(
            [self.table, self.id, self.fields],
            ensure_ascii=False,
            separators=(",", ":"),
            sort_keys=True,
            default=_encode,
        )

    @classmethod
    def parse(cls, line: str) -> "Row":
        """The row of a line. Raises ValueError for what is no row's."""
        table, record_id, fields = json.loads(line, object_hook=_decode)
        if table not in TABLES or not isinstance(fields, dict):
            raise ValueError("this is no row of the store")
        return cls(table, record_id, fields)


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return {"$at": value.isoformat(timespec="microseconds")}
    if isinstance(value, RecordId):
        return {"$record": [value.table, value.id]}
    raise TypeError(f"a row holds a {type(value).__name__}, which a backup has no form for")


def _decode(value: dict[str, Any]) -> object:
    """What `_encode` wrote. No object in the store has such a name: metadata is text there."""
    if "$at" in value:
        return datetime.fromisoformat(value["$at"])
    if "$record" in value:
        return RecordId(*value["$record"])
    return value
