"""Reads that are made together, without a store."""

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


async def test_who_shares_an_answer_leaves_the_others_their_turns():
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


async def test_what_is_wanted_at_once_is_read_together_up_to_its_bound():
    reads = Echoes()
    assert await asyncio.gather(*map(reads.read, (300, 600, 200, 2_000, 300))) == [
        "300",
        "600",
        "200",
        "2000",
        "300",
    ]
    assert [list(keys) for keys in reads.fetched] == [[300, 600], [200], [2_000]]
