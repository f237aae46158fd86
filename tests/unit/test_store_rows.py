"""Rows and the order of a user's list."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from surrealdb.errors import ServerError, parse_query_error

from confab.domain.models import to_millisecond
from confab.store import rows
from confab.store.session import is_conflict

instants = st.datetimes(timezones=st.just(UTC)).map(to_millisecond)
conversation_ids = st.text(st.sampled_from("09AZaz_-"), min_size=1, max_size=64)
Spot = tuple[datetime, str]
spots = st.tuples(instants, conversation_ids)


@given(spots, spots)
def test_places_sort_as_latest_first_and_then_by_id(one: Spot, other: Spot) -> None:
    def listed(spot: Spot) -> tuple[timedelta, str]:
        return (datetime.max.replace(tzinfo=UTC) - spot[0], spot[1])

    assert (rows.activity_key(*one) < rows.activity_key(*other)) == (listed(one) < listed(other))


def test_a_conflict_is_known_by_its_type_or_by_its_words() -> None:
    def refused(**fields: object) -> ServerError:
        return parse_query_error({"status": "ERR", **fields})

    conflict = {"kind": "TransactionConflict"}
    assert is_conflict(refused(result="no", kind="Query", details=conflict))
    assert is_conflict(refused(result="Write conflict. This transaction can be retried", kind="Internal"))
    assert not is_conflict(refused(result="no", kind="Query", details={"kind": "TimedOut"}))
    assert not is_conflict(refused(result="no", kind="NotAllowed"))
    assert not is_conflict(ConnectionError("can be retried"))


def test_a_row_that_is_no_message_is_refused_without_its_content() -> None:
    row = {
        "id": "message:['c1', 1]",
        "role": "user",
        "author": 17,
        "content": "a secret",
        "metadata": "{}",
        "created_at": "2026-01-02T03:04:05Z",
    }
    with pytest.raises(ValidationError) as raised:
        rows.message_of(row)
    assert "17" not in str(raised.value)
    assert "secret" not in str(raised.value)
