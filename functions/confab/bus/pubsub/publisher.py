"""The sending side of the bus on Pub/Sub."""

import asyncio
import contextvars
import logging
from collections import deque
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublishRequest, PubsubMessage

from confab import trace
from confab.bus.pubsub.backoff import Backoff
from confab.bus.pubsub.endpoint import Endpoint, Publish
from confab.bus.pubsub.failures import FAILURES, is_transient
from confab.bus.pubsub.topic import ORIGIN, create_topic
from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, encode_event

DEADLINE_SECONDS = 2.0
"""From `publish` until the bus has taken the event, all tries included."""
TRY_SECONDS = 1.0
BATCH_MESSAGES = 500
BATCH_BYTES = 1_000_000
MAX_WAITING = 5_000
NO_ANSWER = "The event bus does not answer."

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Waiting:
    message: Any
    size: int
    deadline: float
    taken: asyncio.Future[None]


class PubSubPublisher:
    """The port `Publisher` on a Pub/Sub topic.

    One batch is in flight at a time and takes along what came in meanwhile, so events arrive in
    the order in which they were published. Two batches begin at least `pause_s` apart: what
    comes after a silence goes at once, and a busy process does not pay for a call an event.
    Belongs to the event loop that publishes first.
    """

    def __init__(self, project: str, topic: str, *, emulator_host: str | None, pause_s: float = 0.0) -> None:
        self._pause_s = pause_s
        self._resume_at = 0.0
        self._topic = f"projects/{project}/topics/{topic}"
        self._endpoint = Endpoint(emulator_host)
        self._connecting = asyncio.Lock()
        self._connection = AsyncExitStack()
        self._call: Publish | None = None
        self._waiting: deque[_Waiting] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._closed = False

    async def connect(self) -> None:
        """Begin to connect. What goes wrong, the next publish meets again, and tells."""
        with suppress(*FAILURES):
            await self._connected()

    async def publish(self, event: Event) -> None:
        """Return once the bus has taken the event.

        Raises Unavailable when it has not within DEADLINE_SECONDS, refuses it, or when too many
        events wait already: then at once.
        """
        if self._closed or len(self._waiting) >= MAX_WAITING:
            raise Unavailable(NO_ANSWER)
        waiting = _waiting(event)
        self._waiting.append(waiting)
        if self._sender is None or self._sender.done():
            shared = contextvars.Context()  # it sends for all, and so belongs to no one's trace
            self._sender = asyncio.create_task(self._send_all(), context=shared)
        try:
            async with asyncio.timeout_at(waiting.deadline):
                await waiting.taken
        except TimeoutError:
            raise Unavailable(NO_ANSWER) from None

    async def close(self) -> None:
        """Send what is waiting, for at most DEADLINE_SECONDS, and give back the connection."""
        self._closed = True
        if self._sender is not None:
            await asyncio.wait((self._sender,), timeout=DEADLINE_SECONDS)
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        await self._disconnect()

    async def _send_all(self) -> None:
        while self._waiting:
            if (left := self._resume_at - _now()) > 0:
                await asyncio.sleep(left)
            self._resume_at = _now() + self._pause_s
            batch = self._next_batch()
            taken = bool(batch) and await self._send(batch)
            for waiting in batch:
                if waiting.taken.done():  # its publisher gave up
                    continue
                if taken:
                    waiting.taken.set_result(None)
                else:
                    waiting.taken.set_exception(Unavailable(NO_ANSWER))

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MESSAGES:
            if batch and size + self._waiting[0].size > BATCH_BYTES:
                break
            waiting = self._waiting.popleft()
            if not waiting.taken.done():
                batch.append(waiting)
                size += waiting.size
        return batch

    async def _send(self, batch: list[_Waiting]) -> bool:
        """Whether the bus took the batch, tried until the deadline of its youngest event."""
        request = PublishRequest.pb()(topic=self._topic, messages=[each.message for each in batch])
        backoff = Backoff(0.05, 0.5)
        while (left := batch[-1].deadline - _now()) > 0:
            try:
                async with asyncio.timeout(min(left, TRY_SECONDS)):
                    await self._publish(request)
            except FAILURES as error:
                await self._disconnect()
                if not is_transient(error):
                    log.exception("the bus refuses events", extra={"count": len(batch), "topic": self._topic})
                    return False
                await asyncio.sleep(min(backoff.pause(), left))
            else:
                return True
        log.warning("the bus does not take events", extra={"count": len(batch), "topic": self._topic})
        return False

    async def _publish(self, request: Any) -> None:
        call = await self._connected()
        routing = (("x-goog-request-params", f"topic={self._topic}"),)
        try:
            await call(request, timeout=TRY_SECONDS, metadata=routing)
        except NotFound:
            if self._endpoint.emulator_host is None:  # elsewhere the topic is infrastructure
                raise
            await create_topic(self._endpoint, self._topic, timeout=TRY_SECONDS)
            await call(request, timeout=TRY_SECONDS, metadata=routing)

    async def _connected(self) -> Publish:
        async with self._connecting:
            if self._call is None:
                self._call = await self._connection.enter_async_context(self._endpoint.publishing())
            return self._call

    async def _disconnect(self) -> None:
        """Give back the connection; the next try makes another, since this one may be dead."""
        self._call = None
        await self._connection.aclose()


def _waiting(event: Event) -> _Waiting:
    data = encode_event(event)
    attributes = {"type": event.type, "conversationId": event.conversation_id}
    if not isinstance(event, Typing):  # its origin has the entry already, and is not told of it
        attributes[ORIGIN] = event.origin
    if (at := trace.current()) is not None:
        attributes[trace.HEADER] = str(at)
    message = PubsubMessage.pb()(data=data, attributes=attributes)
    loop = asyncio.get_running_loop()
    return _Waiting(message, len(data), loop.time() + DEADLINE_SECONDS, loop.create_future())


def _now() -> float:
    return asyncio.get_running_loop().time()
