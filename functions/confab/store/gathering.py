"""What waits while the store is busy goes there together, in the order in which it came.

A round trip costs the store and this process much the same for one question and for twenty. So
one is under way at a time and takes along what came in meanwhile; what comes alone goes at once.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from typing import Any, Generic, Protocol, TypeVar

from confab.domain.errors import Unavailable
from confab.store.connection import MAX_WAITING, NO_ANSWER, Connection

log = logging.getLogger(__name__)


class Waiting(Protocol):
    """A question, and whoever waits for its answer."""

    @property
    def outcome(self) -> "asyncio.Future[Any]":
        """The answer; done already if the caller gave up."""
        ...


Question = TypeVar("Question", bound=Waiting)


class Gathering(ABC, Generic[Question]):
    """The questions of one kind of this process. Belongs to one event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[Question] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Any:
        """The answer, or the error that is set as the question's outcome; Unavailable after the deadline.

        A question whose caller gives up before it is sent is not sent.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable(NO_ANSWER)
        self._waiting.append(question)
        self.send_soon()
        try:
            async with asyncio.timeout(self._connection.timing.overall):
                return await question.outcome
        except TimeoutError as error:
            raise Unavailable(NO_ANSWER) from error

    def send_soon(self) -> None:
        """See to it that what waits is sent, in a task that belongs to no one question's trace."""
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all(), context=Context())

    @abstractmethod
    def next_group(self) -> list[Question]:
        """Take the next questions to go together off the queue; none when it is empty."""

    @abstractmethod
    async def send(self, group: Sequence[Question]) -> None:
        """Ask the store and set each question's outcome; what this raises is the outcome of the rest."""

    async def _send_all(self) -> None:
        while group := self.next_group():
            with telling(group):
                await self.send(group)


@contextmanager
def telling(group: Sequence[Waiting]) -> Iterator[None]:
    """Whatever goes wrong in the block is what everybody in the group is told who waits still."""
    try:
        yield
    except Unavailable as error:
        refuse(group, error)
    except Exception as error:
        log.exception("a group of questions failed")
        refuse(group, error)


def refuse(group: Sequence[Waiting], error: Exception) -> None:
    """Tell everybody in the group who waits still that it failed."""
    for waiting in group:
        if not waiting.outcome.done():
            each = Unavailable(error.detail) if isinstance(error, Unavailable) else error
            waiting.outcome.set_exception(each)
