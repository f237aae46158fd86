"""Calls of firebase-admin, which blocks, on threads: bounded in number and in time."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from confab.domain.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_CALLS = 2_000
"""Calls in the queue or on a thread: more than the sockets that a container serves."""
DEADLINE_S = 5
"""Seconds for a call, the time in the queue included."""


class Calls:
    """Threads for the calls of one service of Firebase."""

    def __init__(self, service: str, *, threads: int = 1) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=service.lower().replace(" ", "-"))
        self._under_way = 0

    async def run(self, call: Callable[..., T], *args: object) -> T:
        """The result of a call, or what it raises; Unavailable if it is one too many, or takes too long."""
        if self._under_way >= MAX_CALLS:
            raise Unavailable("Too many tokens are waiting to be verified.")
        self._under_way += 1
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)
        except TimeoutError as error:
            raise self.unavailable(error) from error
        finally:
            self._under_way -= 1

    def unavailable(self, error: BaseException) -> Unavailable:
        """The refusal of what needs the service, whose failure is logged."""
        log.warning("%s does not answer", self._service, extra={"error": type(error).__name__})
        return Unavailable("The identity service does not answer.")

    def close(self) -> None:
        """End the threads; a call in flight ends by its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
