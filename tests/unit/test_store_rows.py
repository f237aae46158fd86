"""Rows and the order of a user's list."""

import pytest
from pydantic import ValidationError
from surrealdb.errors import ServerError, parse_query_error

from confab.store import rows
from confab.store.session import is_conflict


def test_a_conflict_is_known_by_its_type_or_by_its_words():
    def refused(**fields: object) -> ServerError:
        return parse_query_error({"status": "ERR", **fields})

    conflict = {"kind": "TransactionConflict"}
    assert is_conflict(refused(result="no", kind="Query", details=conflict))
    assert is_conflict(refused(result="Write conflict. This transaction can be retried", kind="Internal"))
    assert not is_conflict(refused(result="no", kind="Query", details={"kind": "TimedOut"}))
    assert not is_conflict(refused(result="no", kind="NotAllowed"))
    assert not is_conflict(ConnectionError("can be retried"))


def test_a_row_that_is_no_message_is_refused_without_its_content():
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
