"""SurrealDB's CBOR, written and read in C.

The SDK does both in Python, which took more than half of the processor time of a read. `cbor2`
does the same in a fifth of it, and knows the types that Confab uses; the others are left to the
SDK. https://surrealdb.com/docs/surrealdb/integration/cbor lists the tags.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
from surrealdb import RecordID
from surrealdb.data import cbor as sdk

_NONE, _RECORD_ID, _DATETIME = 6, 8, 12
_NONE_BYTES = b"\xc6\xf6"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(obj: Any) -> bytes:
    """The bytes of a value; None is NONE. Raises TypeError for a type that the database does not have."""
    return cbor2.dumps(obj, default=_encode_other, encoders=_ENCODERS, timezone=UTC)


def decode(data: bytes) -> Any:
    """The value in an answer of the server. NONE and NULL are None; datetimes are cut to microseconds."""
    return cbor2.loads(data, semantic_decoders=_DECODERS, tag_hook=_decode_other)


def _encode_none(encoder: cbor2.CBOREncoder, _: None) -> None:
    encoder.write(_NONE_BYTES)


def _encode_record_id(encoder: cbor2.CBOREncoder, record: RecordID) -> None:
    encoder.encode_semantic(_RECORD_ID, [record.table_name, record.id])


def _encode_other(encoder: cbor2.CBOREncoder, value: Any) -> None:
    encoder.write(sdk.encode(value))


def _decode_datetime(value: list[int], _: bool) -> datetime:
    seconds, nanoseconds = (*value, 0, 0)[:2]  # zeros at the end are left out
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)


def _decode_other(tag: cbor2.CBORTag, _: bool) -> Any:
    return sdk.tag_decoder(None, tag)  # type: ignore[arg-type]  # it does not look at the decoder


_ENCODERS: Mapping[type, Any] = {type(None): _encode_none, RecordID: _encode_record_id}
_DECODERS: Mapping[int, Any] = {
    _NONE: lambda _value, _immutable: None,
    _RECORD_ID: lambda value, _immutable: RecordID(value[0], value[1]),
    _DATETIME: _decode_datetime,
}
