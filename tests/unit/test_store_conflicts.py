"""How the store's connection counts the transactions that met a faster one."""

from typing import Any

from confab.store.connection import Connection, Timing
from confab.store.rpc import ServerError
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
            raise ServerError("this transaction can be retried", "Internal")
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
