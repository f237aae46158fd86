"""How the store's connection counts the transactions that met a faster one."""

import asyncio
from typing import Any

import pytest
from surrealdb.errors import InternalError

from confab.domain.errors import Unavailable
from confab.store.connection import Connection, Timing
from confab.store.session import Account, Session

ACCOUNT = Account("ws://nowhere", "n", "d", "u", "p")


class Contended:
    """A session on which others are faster twice."""

    usable, age = True, 0.0

    def __init__(self) -> None:
        self._left = 2

    async def query(self, _statement: str, _variables: object) -> Any:
        if self._left:
            self._left -= 1
            raise InternalError("Internal", "this transaction can be retried")
        return "done"


async def test_conflicts_are_counted(monkeypatch):
    async def opened(_: Account) -> Contended:
        return Contended()

    async def ready(_: Session) -> None:
        pass

    monkeypatch.setattr(Session, "open", opened)
    connection = Connection(ACCOUNT, prepare=ready, timing=Timing(first_pause=0.0))
    assert await connection.query("APPEND", {}) == "done"
    assert connection.conflicts == 2


class Hopeless(Contended):
    """A session on which others are always faster."""

    async def query(self, _statement: str, _variables: object) -> Any:
        await asyncio.sleep(0.01)
        raise InternalError("Internal", "this transaction can be retried")


async def test_a_query_without_a_chance_costs_nobody_the_session(monkeypatch):
    sessions: list[Hopeless] = []

    async def opened(_: Account) -> Hopeless:
        sessions.append(Hopeless())
        return sessions[-1]

    async def ready(_: Session) -> None:
        pass

    monkeypatch.setattr(Session, "open", opened)
    connection = Connection(ACCOUNT, prepare=ready, timing=Timing(overall=0.045, first_pause=0.0))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await connection.query("APPEND", {})
    assert len(sessions) == 1
