"""The small parts of the store's adapter, each without a server."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from pydantic import ValidationError
from surrealdb.errors import InternalError, ServerError, parse_query_error

from confab.domain.errors import Unavailable
from confab.store import rows
from confab.store.connection import MAX_ATTEMPTS, Connection, Timing
from confab.store.reads import ANSWERED_A_TURN, Reads
from confab.store.session import Account, Session, is_conflict

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


class Echoes(Reads[int, str]):
    """Finds the text of each number."""

    def __init__(self) -> None:
        connection: Any = SimpleNamespace(timing=SimpleNamespace(overall=5))
        super().__init__(connection)
        self.fetched: list[Sequence[int]] = []

    def rows(self, key: int) -> int:
        return key

    async def fetch(self, wanted: Sequence[Sequence[int]], _: float) -> Sequence[str]:
        keys = [same[0] for same in wanted]
        self.fetched.append(keys)
        await asyncio.sleep(0)
        return [str(key) for key in keys]


async def test_callers_that_share_an_answer_resume_over_several_turns():
    reads = Echoes()
    turn = 0
    answered: list[int] = []

    async def read() -> None:
        assert await reads.read(7) == "7"
        answered.append(turn)

    async def tick() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(read() for _ in range(10 * ANSWERED_A_TURN)))
    ticking.cancel()
    assert reads.fetched == [[7]]
    assert max(map(answered.count, answered)) <= ANSWERED_A_TURN


async def test_reads_at_once_share_a_batch_up_to_its_bound():
    reads = Echoes()
    numbers = (300, 600, 200, 2_000, 300)
    assert await asyncio.gather(*map(reads.read, numbers)) == [str(number) for number in numbers]
    assert [list(keys) for keys in reads.fetched] == [[300, 600], [200], [2_000]]


async def test_what_a_read_has_not_reached_waits_behind_what_already_does():
    class OneAtATime(Echoes):
        async def fetch(self, wanted: Sequence[Sequence[int]], deadline: float) -> Sequence[str]:
            return (await super().fetch(wanted, deadline))[:1]

    reads = OneAtATime()
    numbers = (401, 402, 403, 404, 405)
    assert await asyncio.gather(*map(reads.read, numbers)) == [str(number) for number in numbers]
    answered = [keys[0] for keys in reads.fetched]
    assert (answered[:3], sorted(answered[3:])) == ([401, 403, 405], [402, 404])
