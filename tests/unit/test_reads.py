"""Reads that share batches, without a store."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from confab.store.reads import ANSWERED_A_TURN, Reads


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
