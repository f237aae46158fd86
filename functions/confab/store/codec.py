"""SurrealDB's CBOR, for the types that Confab uses, written and read in C.

https://surrealdb.com/docs/surrealdb/integration/cbor lists the tags.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2

_NONE, _RECORD_ID, _DATETIME = 6, 8, 12
_NONE_BYTES = b"\xc6\xf6"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RecordId:
    """The name of a record."""

    table: str
    id: Any
    """Text, a number, or a list of them."""

    def __str__(self) -> str:
        """As a person reads it; not escaped as a statement would want it."""
        return f"{self.table}:{self.id}"


def encode(obj: Any) -> bytes:
    """The bytes of a value; None is NONE. Raises CBOREncodeError for other types than Confab stores."""
    return cbor2.dumps(obj, encoders=_ENCODERS, timezone=UTC)


def decode(data: bytes) -> Any:
    """The value in an answer of the server. NONE and NULL are None; datetimes are cut to microseconds.

    What Confab does not use comes as a CBORTag: a duration in an error, say. Raises CBORDecodeError.
    """
    return cbor2.loads(data, semantic_decoders=_DECODERS)


def _encode_none(encoder: cbor2.CBOREncoder, _: None) -> None:
    encoder.write(_NONE_BYTES)


def _encode_record_id(encoder: cbor2.CBOREncoder, record: RecordId) -> None:
    encoder.encode_semantic(_RECORD_ID, [record.table, record.id])


def _decode_datetime(value: list[int], _: bool) -> datetime:
    seconds, nanoseconds = value if value[1:] else (*value, 0, 0)[:2]  # zeros at the end are left out
    return _EPOCH + timedelta(0, seconds, nanoseconds // 1000)  # by place: by name it takes twice as long


_ENCODERS: Mapping[type, Any] = {type(None): _encode_none, RecordId: _encode_record_id}
_DECODERS: Mapping[int, Any] = {
    _NONE: lambda _value, _immutable: None,
    _RECORD_ID: lambda value, _immutable: RecordId(*value),
    _DATETIME: _decode_datetime,
}
