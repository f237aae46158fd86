"""How the store's connection counts the transactions that met a faster one."""

import asyncio
from typing import Any

import pytest
from surrealdb.errors import InternalError

from confab.domain.errors import Unavailable
from confab.store.connection import MAX_ATTEMPTS, Connection, Timing
from confab.store.session import Account, Session

ACCOUNT = Account("ws://nowhere", "n", "d", "u", "p")


class Contended:
    """A session on which other transactions are faster, `losses` times."""

    usable, age = True, 0.0

    def __init__(self, losses: int, delay_s: float) -> None:
        self._losses = losses
        self._delay_s = delay_s

    async def query(self, _statement: str, _variables: object) -> Any:
        await asyncio.sleep(self._delay_s)
        self._losses -= 1
        if self._losses >= 0:
            raise InternalError("Internal", "this transaction can be retried")
        return "done"


@pytest.fixture
def connect(monkeypatch):
    """A connection over contended sessions, and the sessions that it has opened."""

    def connect(*, losses: int, delay_s: float, overall: float) -> tuple[Connection, list[Contended]]:
        sessions: list[Contended] = []

        async def opened(_: Account) -> Contended:
            sessions.append(Contended(losses, delay_s))
            return sessions[-1]

        async def ready(_: Session) -> None:
            pass

        monkeypatch.setattr(Session, "open", opened)
        return Connection(ACCOUNT, prepare=ready, timing=Timing(overall=overall, first_pause=0.0)), sessions

    return connect


async def test_conflicts_are_retried_and_counted(connect):
    connection, _ = connect(losses=2, delay_s=0, overall=5)
    assert await connection.query("APPEND", {}) == "done"
    assert connection.conflicts == 2


async def test_a_query_that_always_conflicts_fails_at_its_deadline_and_keeps_the_session(connect):
    connection, sessions = connect(losses=1_000, delay_s=0.01, overall=0.045)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await connection.query("APPEND", {})
    assert connection.conflicts < MAX_ATTEMPTS  # there is time for 5 of each query
    assert len(sessions) == 1
