"""What asyncio leaves out: batches, backoff, references to tasks, and bounded shutdown."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Fits = Callable[[Item], bool]
"""Whether a batch takes one more item; asked once for each, in their order."""


@dataclass(eq=False, slots=True)
class Pending(Generic[Item, Answer]):
    """An item in the queue or in flight, and the caller that waits for its answer."""

    item: Item
    deadline: float
    """In the event loop's time."""
    outcome: "asyncio.Future[Answer]"

    @property
    def settled(self) -> bool:
        """Whether it has an answer or an error, or its caller gave up."""
        return self.outcome.done()

    def answer(self, answer: Answer) -> None:
        """Give the caller its answer, if it still waits."""
        if not self.outcome.done():
            self.outcome.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Raise the error in the caller, if it still waits."""
        if not self.outcome.done():
            self.outcome.set_exception(error)


Batch = Sequence[Pending[Item, Answer]]


class Batcher(Generic[Item, Answer]):
    """Batches items that are submitted while earlier batches are in flight. Belongs to one event loop.

    An item that finds nothing in flight is sent at once. Up to `in_flight` batches are in flight at
    a time, so a single one keeps the items' order. A further one begins only once the newest
    is older than `stagger_s`: a fast answer is worth waiting for, since it costs less to send more
    items together. Two batches of one slot begin at least `pause_s` apart.

    `send` settles each item of its batch; what it raises is the error of those that it has not
    settled. `bounds` makes the rule of one batch; the first item is taken whatever its size. An
    item that does not fit ends the batch, or is overtaken by those that do where order does not
    matter (`ordered`). What is `held` keeps its position in the queue until `wake` is called.
    """

    def __init__(
        self,
        send: Callable[[Batch[Item, Answer]], Awaitable[None]],
        *,
        bounds: Callable[[], Fits[Item]],
        unavailable: Callable[[], Exception],
        deadline_s: float,
        max_waiting: int,
        in_flight: int = 1,
        stagger_s: float = 0.0,
        pause_s: float = 0.0,
        ordered: bool = True,
        held: Callable[[Item], bool] = lambda _: False,
    ) -> None:
        """`unavailable` makes the error of an item that meets a full queue, or its deadline."""
        self._send = send
        self._bounds = bounds
        self._unavailable = unavailable
        self._deadline_s = deadline_s
        self._max_waiting = max_waiting
        self._in_flight = in_flight
        self._stagger_s = stagger_s
        self._sent_at = 0.0
        self._waking: asyncio.TimerHandle | None = None
        self._pause_s = pause_s
        self._ordered = ordered
        self._held = held
        self._queue: deque[Pending[Item, Answer]] = deque()
        self._senders: set[asyncio.Task[None]] = set()
        self._closed = False

    async def submit(self, item: Item) -> Answer:
        """The item's answer, or its error. An item whose caller gives up in time is not sent."""
        if self._closed or len(self._queue) >= self._max_waiting:
            raise self._unavailable()
        loop = asyncio.get_running_loop()
        pending = Pending[Item, Answer](item, loop.time() + self._deadline_s, loop.create_future())
        self._queue.append(pending)
        self.wake()
        try:
            async with asyncio.timeout_at(pending.deadline):
                return await pending.outcome
        except TimeoutError:
            raise self._unavailable() from None

    def again(self, batch: Iterable[Pending[Item, Answer]]) -> None:
        """Put items of a batch back at the head of the queue."""
        self._queue.extendleft(reversed([*batch]))
        self.wake()

    def later(self, batch: Iterable[Pending[Item, Answer]]) -> None:
        """Put items of a batch at the end of the queue, where others need not wait for them."""
        self._queue.extend(batch)
        self.wake()

    def wake(self) -> None:
        """Begin to send, if there is something in the queue and a slot is free."""
        if not self._queue or len(self._senders) >= self._in_flight:
            return
        loop = asyncio.get_running_loop()
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None
        if self._senders and loop.time() < self._sent_at + self._stagger_s:
            self._waking = loop.call_at(self._sent_at + self._stagger_s, self.wake)
        else:
            self._sent_at = loop.time()
            spawn(self._send_all(), self._senders, untraced=True)

    async def close(self, within_s: float) -> None:
        """Take no more items; send those in the queue within so many seconds, and fail the rest."""
        self._closed = True
        senders = {*self._senders}
        if senders:
            await asyncio.wait(senders, timeout=within_s)
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        while self._queue:
            self._queue.popleft().fail(self._unavailable())

    async def _send_all(self) -> None:
        now = asyncio.get_running_loop().time
        batch: list[Pending[Item, Answer]] = []
        try:
            while batch := self._next_batch():
                self._sent_at = now()
                self.wake()
                resume_at = self._sent_at + self._pause_s
                await fan_out(self._send, batch)
                if self._pause_s:
                    await asyncio.sleep(resume_at - now())
        except asyncio.CancelledError:
            for pending in batch:
                pending.fail(self._unavailable())
            raise
        finally:  # at once, so that the next item finds the slot free
            self._senders.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _next_batch(self) -> list[Pending[Item, Answer]]:
        fits = self._bounds()
        batch: list[Pending[Item, Answer]] = []
        left: list[Pending[Item, Answer]] = []
        while self._queue:
            pending = self._queue.popleft()
            if pending.settled:
                continue
            if self._held(pending.item):
                left.append(pending)
            elif fits(pending.item) or not batch:
                batch.append(pending)
            else:
                left.append(pending)
                if self._ordered:
                    break
        self._queue.extendleft(reversed(left))
        return batch


async def fan_out(send: Callable[[Batch[Item, Answer]], Awaitable[None]], batch: Batch[Item, Answer]) -> None:
    """Send a batch; an exception becomes the error of each item that is not settled."""
    try:
        await send(batch)
    except Exception as error:  # noqa: BLE001 - its callers raise it
        if all(pending.settled for pending in batch):
            log.warning("a batch failed after its callers gave up", extra={"cause": type(error).__name__})
        for pending in batch:
            pending.fail(error)


def up_to(items: int, size: int, size_of: Callable[[Item], int]) -> Callable[[], Fits[Item]]:
    """Batches of at most so many items, of at most this size together."""

    def bounds() -> Fits[Item]:
        count = total = 0

        def fits(item: Item) -> bool:
            nonlocal count, total
            count += 1
            total += size_of(item)
            return count <= items and total <= size

        return fits

    return bounds


def spawn(
    work: Coroutine[Any, Any, Item], tasks: set[asyncio.Task[Item]], *, untraced: bool = False
) -> asyncio.Task[Item]:
    """Start a task, and keep it in `tasks` until it is done: the event loop alone would let it be collected.

    An `untraced` one serves several callers, so it is part of no caller's trace.
    """
    task = asyncio.create_task(work, context=Context() if untraced else None)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


class Backoff:
    """Full jitter under an exponential bound, so that concurrent failures are not retried concurrently.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        """The bound doubles from the first to the longest with every pause."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._bound_s = first_s

    def pause(self) -> float:
        """Seconds to wait before the next try."""
        bound_s = self._bound_s
        self._bound_s = min(bound_s * 2, self._longest_s)
        return random.uniform(0, bound_s)

    def reset(self) -> None:
        """Begin again with the shortest bound."""
        self._bound_s = self._first_s


async def end_all(endings: Mapping[str, Awaitable[object]], *, within_s: float) -> None:
    """Await all of these concurrently; log the name of each that fails or takes longer."""
    tasks = {name: asyncio.ensure_future(ending) for name, ending in endings.items()}
    if tasks:
        await asyncio.wait(tasks.values(), timeout=within_s)
    for name, task in tasks.items():
        if task.cancel():  # it was not done
            log.warning("an ending took too long", extra={"part": name})
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.error("an ending failed", extra={"part": name}, exc_info=error)
