"""How the store's connection counts the transactions that met a faster one."""

import asyncio
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from surrealdb.errors import InternalError

from confab.domain.errors import Unavailable
from confab.store.connection import MAX_ATTEMPTS, Connection, Timing
from confab.store.session import Account, Session

CONFLICT = InternalError("Internal", "this transaction can be retried")


@pytest.fixture
def opened(monkeypatch):
    """The opening of sessions, whose query a test sets."""
    session = SimpleNamespace(usable=True, age=0.0, query=AsyncMock())
    monkeypatch.setattr(Session, "open", AsyncMock(return_value=session))
    return Session.open


def connection(overall: float) -> Connection:
    account = Account("ws://nowhere", "n", "d", "u", "p")
    return Connection(account, prepare=AsyncMock(), timing=Timing(overall=overall, first_pause=0.0))


async def test_conflicts_are_retried_and_counted(opened):
    contended = connection(overall=5)
    opened.return_value.query.side_effect = [CONFLICT, CONFLICT, "done"]
    assert await contended.query("APPEND", {}) == "done"
    assert contended.conflicts == 2


async def test_a_query_that_always_conflicts_fails_at_its_deadline_and_keeps_the_session(opened):
    async def lose(*_: object) -> None:
        await asyncio.sleep(0.01)
        raise CONFLICT

    contended = connection(overall=0.045)
    opened.return_value.query = lose
    for _ in range(3):
        with pytest.raises(Unavailable):
            await contended.query("APPEND", {})
    assert contended.conflicts < MAX_ATTEMPTS  # there is time for 5 of each query
    assert opened.await_count == 1
