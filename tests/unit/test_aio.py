"""The batcher and the backoff, alone."""

import asyncio
import logging
from typing import Any

import pytest

from confab.aio import Backoff, Batcher, end_all, up_to
from tests.support.waiting import settle


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


async def test_items_submitted_while_a_batch_is_in_flight_make_the_next_batch():
    echo = Echo()
    echo.passing.clear()
    first = echo.submit("a")
    await settle()
    rest = echo.submit("b", "c", "d")
    await settle()
    assert echo.sent == [["a"]]
    echo.passing.set()
    assert await asyncio.gather(*first, *rest) == ["a", "b", "c", "d"]
    assert echo.sent == [["a"], ["b", "c", "d"]]


async def test_a_batch_is_bounded_by_count_and_size_but_takes_one_item_of_any_size():
    echo = Echo(bounds=up_to(3, 5, len))
    await asyncio.gather(*echo.submit("aa", "bb", "cc", "d", "e", "f", "x" * 50, "g"))
    assert echo.sent == [["aa", "bb"], ["cc", "d", "e"], ["f"], ["x" * 50], ["g"]]


async def test_an_item_that_fits_overtakes_one_that_does_not_where_order_does_not_matter():
    echo = Echo(bounds=up_to(3, 5, len), ordered=False)
    await asyncio.gather(*echo.submit("aa", "bbbb", "cc", "d"))
    assert echo.sent == [["aa"], ["bbbb"], ["cc", "d"]]

    def equal():
        seen: list[str] = []

        def fits(item):
            seen.append(item)
            return item == seen[0]

        return fits

    echo = Echo(bounds=equal, ordered=False)
    await asyncio.gather(*echo.submit(*"abcabc"))
    assert echo.sent == [["a", "a"], ["b", "b"], ["c", "c"]]


async def test_several_batches_may_be_in_flight():
    echo = Echo(bounds=up_to(1, 1, len), in_flight=2)
    echo.passing.clear()
    tasks = echo.submit(*"abc")
    await settle()
    assert echo.sent == [["a"], ["b"]]
    echo.passing.set()
    assert await asyncio.gather(*tasks) == [*"abc"]


async def test_a_further_batch_begins_once_the_answer_takes_longer():
    echo = Echo(in_flight=3, stagger_s=0.05)
    now = asyncio.get_running_loop().time
    echo.passing.clear()
    before = now()
    tasks = echo.submit("a")
    await settle()
    tasks += echo.submit("b", "c")
    while len(echo.sent) < 2:
        await asyncio.sleep(0.001)
    assert now() - before >= 0.05
    echo.passing.set()
    assert await asyncio.gather(*tasks) == [*"abc"]
    assert echo.sent == [["a"], ["b", "c"]]


async def test_an_answer_in_time_begins_the_next_batch():
    echo = Echo(in_flight=3, stagger_s=600)
    echo.passing.clear()
    tasks = echo.submit("a")
    await settle()
    tasks += echo.submit("b", "c")
    await settle()
    assert echo.sent == [["a"]]
    echo.passing.set()
    assert await asyncio.gather(*tasks) == [*"abc"]
    assert echo.sent == [["a"], ["b", "c"]]


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
    echo.passing.clear()
    echo.error = ValueError("a secret")
    (task,) = echo.submit("a")
    await settle()
    task.cancel()
    echo.passing.set()
    with caplog.at_level(logging.DEBUG):
        await settle()
    assert [record.cause for record in caplog.records] == ["ValueError"]
    assert "a secret" not in caplog.text


async def test_an_item_whose_caller_gave_up_is_not_sent():
    echo = Echo()
    echo.passing.clear()
    first = echo.submit("a")
    await settle()
    given_up, last = echo.submit(*"bc")
    await settle()
    given_up.cancel()
    echo.passing.set()
    await asyncio.gather(*first, last)
    assert echo.sent == [["a"], ["c"]]


async def test_an_item_is_refused_by_a_full_queue_and_fails_at_its_deadline():
    echo = Echo(max_waiting=2, deadline_s=0.05)
    echo.passing.clear()
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*echo.submit(*"abc"), return_exceptions=True)
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

    echo = Twice(bounds=up_to(1, 1, len))
    assert await asyncio.gather(*echo.submit(*"abc")) == [*"abc"]
    assert echo.sent == [["a"], [], ["b"], ["c"]]


async def test_the_first_batch_begins_at_once_and_the_next_a_pause_later():
    await asyncio.gather(*Echo(pause_s=600).submit("a"))
    echo = Echo(pause_s=0.1)
    now = asyncio.get_running_loop().time
    before = now()
    await asyncio.gather(*echo.submit("a"))
    await asyncio.gather(*echo.submit("b"))
    assert now() - before >= 0.1


async def test_an_item_submitted_as_the_last_batch_ends_is_sent():
    echo = Echo()
    for _ in range(100):
        await echo.batcher.submit("a")
    assert echo.sent == [["a"]] * 100


async def test_closing_sends_the_queue_and_fails_what_exceeds_its_deadline():
    echo = Echo(bounds=up_to(1, 1, len))
    good = echo.submit(*"ab")
    await settle()
    await echo.batcher.close(1)
    assert await asyncio.gather(*good) == [*"ab"]
    with pytest.raises(Refused):
        await echo.batcher.submit("c")

    stuck = Echo(bounds=up_to(1, 1, len))
    stuck.passing.clear()
    tasks = stuck.submit(*"ab")
    await settle()
    async with asyncio.timeout(2):
        await stuck.batcher.close(0.01)
        assert [type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [Refused] * 2


def test_pauses_are_random_under_a_bound_that_doubles_up_to_the_longest():
    backoff = Backoff(0.1, 0.5)
    for bound in (0.1, 0.2, 0.4, 0.5, 0.5):
        assert 0 <= backoff.pause() <= bound
    backoff.reset()
    assert backoff.pause() <= 0.1
    assert len({Backoff(1, 1).pause() for _ in range(10)}) > 1


async def test_ending_nothing_returns():
    await end_all({}, within_s=1)
