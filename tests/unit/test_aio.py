"""The batcher and the backoff, alone."""

import asyncio
import logging
from typing import Any

import pytest

from confab.aio import Backoff, Batcher, up_to
from tests.support.waiting import settle, until


class Refused(Exception):
    """The batcher refused the item, or its deadline passed."""


class Echo:
    """Answers each item with itself, unless `passing` is clear; records its batches."""

    def __init__(self, **options):
        self.sent = []
        self.passing = asyncio.Event()
        self.passing.set()
        self.error = None
        defaults: dict[str, Any] = {"bounds": up_to(10, 100, len), "deadline_s": 5, "max_waiting": 100}
        self.batcher = Batcher(self._send, unavailable=Refused, **defaults | options)

    async def _send(self, batch):
        self.sent.append([pending.item for pending in batch])
        await self.passing.wait()
        if self.error is not None:
            raise self.error
        for pending in batch:
            pending.answer(pending.item)

    def submit(self, *items):
        return [asyncio.create_task(self.batcher.submit(item)) for item in items]

    async def busy(self, *items):
        """Begin to send these, and hold their answers until `passing` is set."""
        self.passing.clear()
        tasks = self.submit(*items)
        await settle()
        return tasks


def equals():
    """A batch of equal items."""
    seen: list[str] = []

    def fits(item):
        seen.append(item)
        return item == seen[0]

    return fits


ONE = up_to(1, 1, len)
THREE = up_to(3, 5, len)


@pytest.mark.parametrize(
    ("options", "items", "batches"),
    [
        ({"bounds": THREE}, "aa bb cc d e f xxxxxxxxx g", ["aa bb", "cc d e", "f", "xxxxxxxxx", "g"]),
        ({"bounds": THREE, "ordered": False}, "aa bbbb cc d", ["aa", "bbbb", "cc d"]),
        ({"bounds": equals, "ordered": False}, "a b c a b c", ["a a", "b b", "c c"]),
        ({"bounds": ONE, "in_flight": 2}, "a b c", ["a", "b", "c"]),
    ],
    ids=["bounded by count and size, and one of any size", "overtaking", "equal", "several in flight"],
)
async def test_items_are_sent_in_batches_within_their_bounds(options, items, batches):
    echo = Echo(**options)
    assert await asyncio.gather(*echo.submit(*items.split())) == items.split()
    assert echo.sent == [batch.split() for batch in batches]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, [["a"]]),
        ({"bounds": ONE, "in_flight": 2}, [["a"], ["b"]]),
        ({"in_flight": 3, "stagger_s": 600}, [["a"]]),
        ({"in_flight": 3, "stagger_s": 0.01}, [["a"], ["b", "c"]]),
    ],
    ids=["one in flight", "two in flight", "an answer in time", "an answer that takes longer"],
)
async def test_a_further_batch_begins_with_a_free_slot_once_the_answer_takes_longer(options, sent):
    echo = Echo(**options)
    tasks = await echo.busy("a") + await echo.busy("b", "c")
    await asyncio.sleep(0.05)
    await until(lambda: echo.sent == sent)
    echo.passing.set()
    assert await asyncio.gather(*tasks) == [*"abc"]


async def test_an_error_reaches_every_caller_of_the_batch_and_none_of_the_next():
    echo = Echo(bounds=up_to(2, 2, len))
    echo.error = ValueError("a defect")
    bad = echo.submit(*"ab")
    await settle()
    echo.error = None
    good = echo.submit(*"cd")
    assert [type(one) for one in await asyncio.gather(*bad, return_exceptions=True)] == [ValueError] * 2
    assert await asyncio.gather(*good) == [*"cd"]


async def test_an_error_without_a_caller_is_logged_by_its_type(caplog):
    echo = Echo()
    echo.error = ValueError("a secret")
    (task,) = await echo.busy("a")
    task.cancel()
    echo.passing.set()
    with caplog.at_level(logging.DEBUG):
        await settle()
    assert [record.cause for record in caplog.records] == ["ValueError"]
    assert "a secret" not in caplog.text


async def test_an_item_whose_caller_gave_up_is_not_sent():
    echo = Echo()
    first, given_up, last = await echo.busy("a") + await echo.busy(*"bc")
    given_up.cancel()
    echo.passing.set()
    await asyncio.gather(first, last)
    assert echo.sent == [["a"], ["c"]]


async def test_an_item_is_refused_by_a_full_queue_and_fails_at_its_deadline():
    echo = Echo(max_waiting=2, deadline_s=0.05)
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*await echo.busy(*"abc"), return_exceptions=True)
    assert echo.sent == [["a", "b"]]
    assert [type(one) for one in outcomes] == [Refused] * 3


async def test_held_items_keep_their_position_until_they_are_released():
    holding = {"b"}
    echo = Echo(held=lambda item: item[0] in holding)
    tasks = echo.submit("b1", "a", "b2")
    await settle()
    assert echo.sent == [["a"]]
    holding.clear()
    echo.batcher.wake()
    await asyncio.gather(*tasks)
    assert echo.sent == [["a"], ["b1", "b2"]]


async def test_items_put_back_are_sent_first():
    class Twice(Echo):
        async def _send(self, batch):
            if len(self.sent) == 1:
                self.batcher.again(batch)
            await super()._send([] if len(self.sent) == 1 else batch)

    echo = Twice(bounds=ONE)
    assert await asyncio.gather(*echo.submit(*"abc")) == [*"abc"]
    assert echo.sent == [["a"], [], ["b"], ["c"]]


async def test_the_first_batch_begins_at_once_and_the_next_a_pause_later():
    await asyncio.gather(*Echo(pause_s=600).submit("a"))
    echo = Echo(pause_s=0.1)
    now = asyncio.get_running_loop().time
    before = now()
    for item in "ab":
        await echo.batcher.submit(item)
    assert now() - before >= 0.1


async def test_an_item_submitted_as_the_last_batch_ends_is_sent():
    echo = Echo()
    for _ in range(3):
        await echo.batcher.submit("a")
    assert echo.sent == [["a"]] * 3


async def test_closing_sends_the_queue_and_fails_what_exceeds_its_deadline():
    echo = Echo(bounds=ONE)
    good = echo.submit(*"ab")
    await settle()
    await echo.batcher.close(1)
    assert await asyncio.gather(*good) == [*"ab"]
    with pytest.raises(Refused):
        await echo.batcher.submit("c")

    stuck = Echo(bounds=ONE)
    tasks = await stuck.busy(*"ab")
    async with asyncio.timeout(10):
        await stuck.batcher.close(0.01)
        assert [type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [Refused] * 2


def test_pauses_are_random_under_a_bound_that_doubles_up_to_the_longest():
    backoff = Backoff(0.1, 0.5)
    for bound in (0.1, 0.2, 0.4, 0.5, 0.5):
        assert 0 <= backoff.pause() <= bound
    backoff.reset()
    assert backoff.pause() <= 0.1
    assert len({Backoff(1, 1).pause() for _ in range(10)}) > 1
