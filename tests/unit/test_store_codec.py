"""Our codec writes what the official client writes, and reads what it reads."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surrealdb import Duration, RecordID
from surrealdb.cbor import CBORTag, dumps
from surrealdb.data import cbor as official

from confab.store import codec
from confab.store.codec import RecordId

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | TIMES
    | st.builds(RecordId, st.just("conversation"), st.text(min_size=1))
    | st.builds(lambda one, seq: RecordId("message", [one, seq]), st.text(), st.integers(0, 2**53))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def theirs(value: Any) -> Any:
    """The value with the records' names as the official client has them."""
    if isinstance(value, RecordId):
        return RecordID(value.table, value.id)
    if isinstance(value, dict):
        return {name: theirs(one) for name, one in value.items()}
    return [theirs(one) for one in value] if isinstance(value, list) else value


@given(VALUES)
def test_it_writes_what_the_official_client_writes(value):
    assert codec.encode(value) == official.encode(theirs(value))


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


def test_what_confab_does_not_use_comes_as_it_is():
    assert codec.decode(official.encode([Duration.parse(5, 0)])) == [cbor2.CBORTag(14, (5, 0))]
    assert codec.decode(dumps(CBORTag(4711, "x"))) == cbor2.CBORTag(4711, "x")


@pytest.mark.parametrize("value", [object(), {"deep": [object()]}])
def test_a_type_that_the_store_does_not_have_is_refused(value):
    with pytest.raises(cbor2.CBOREncodeError, match="object"):
        codec.encode(value)


def test_a_record_is_named_as_people_name_it():
    assert str(RecordId("conversation", "c1")) == "conversation:c1"
