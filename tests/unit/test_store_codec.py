"""Our codec writes what the SDK's writes, and reads what the SDK's reads."""

import importlib
from datetime import UTC, datetime, timedelta, timezone

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surrealdb import Duration, RecordID, Table
from surrealdb.cbor import CBORTag, dumps
from surrealdb.connections import async_ws
from surrealdb.data import cbor as sdk
from surrealdb.request_message.descriptors import cbor_ws

from confab.store import codec

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | TIMES
    | st.builds(RecordID, st.just("conversation"), st.text(min_size=1))
    | st.builds(lambda one, seq: RecordID("message", [one, seq]), st.text(), st.integers(0, 2**53))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
def test_it_writes_what_the_sdk_writes(value):
    assert codec.encode(value) == sdk.encode(value)


@given(VALUES)
def test_it_reads_what_it_writes(value):
    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize(
    ("parts", "at"),
    [
        ([], timedelta()),
        ([3], timedelta(seconds=3)),
        ([3, 4_005_999], timedelta(seconds=3, microseconds=4005)),
        ([-1, 999_000_000], timedelta(milliseconds=-1)),
    ],
)
def test_times_come_as_seconds_and_nanoseconds(parts, at):
    assert codec.decode(dumps(CBORTag(12, parts))) == datetime(1970, 1, 1, tzinfo=UTC) + at


def test_times_of_other_zones_are_written_as_the_same_instant():
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert codec.decode(codec.encode(at)) == at


def test_null_and_none_are_none():
    assert codec.decode(b"\xf6") is None
    assert codec.decode(b"\xc6\xf6") is None
    assert codec.encode(None) == b"\xc6\xf6"


def test_other_types_of_the_database_are_the_sdks():
    assert codec.decode(sdk.encode(Duration.parse(5, 0))) == Duration.parse(5, 0)


def test_other_types_are_written_as_the_sdk_writes_them():
    value = {"in": [Table("message"), Duration.parse(5, 0), None]}
    assert codec.encode(value) == sdk.encode(value)


def test_a_tag_that_nobody_knows_is_an_error():
    with pytest.raises(cbor2.CBORDecodeError, match="4711"):
        codec.decode(dumps(CBORTag(4711, "x")))


@pytest.mark.parametrize("value", [object(), {"deep": [object()]}])
def test_a_type_that_the_store_does_not_have_is_refused(value):
    with pytest.raises(TypeError, match="object"):
        codec.encode(value)


def test_the_sdk_uses_it():
    importlib.import_module("confab.store.session")
    assert vars(async_ws)["decode"] is codec.decode
    assert vars(cbor_ws)["encode"] is codec.encode
