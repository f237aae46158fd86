"""The sending side of the bus on Pub/Sub."""

import asyncio
import logging
import uuid
from contextlib import AsyncExitStack, suppress
from typing import Any

from google.pubsub_v1 import PublisherAsyncClient, PublishRequest, PubsubMessage

from confab import trace
from confab.aio import Backoff, Batch, Batcher, up_to
from confab.bus.client import FAILURES, ORIGIN, Endpoint, is_transient
from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, encode_event
from confab.domain.models import timestamp_text

DEADLINE_SECONDS = 2.0
"""From `publish` until the bus accepts the event, all tries included."""
TRY_SECONDS = 1.0
BATCH_MESSAGES = 500
BATCH_BYTES = 1_000_000
MAX_WAITING = 5_000
NO_ANSWER = "The event bus does not answer."

log = logging.getLogger(__name__)


class PubSubPublisher:
    """The port `Publisher` on a Pub/Sub topic.

    One batch is in flight at a time, so events keep their order. Two batches begin at least
    `pause_s` apart: an event after a pause is sent at once, and a busy process makes one call for
    many events. Belongs to the event loop that publishes first.
    """

    def __init__(self, project: str, topic: str, *, emulator_host: str | None, pause_s: float = 0.0) -> None:
        self._topic = f"projects/{project}/topics/{topic}"
        self._endpoint = Endpoint(emulator_host)
        self._connecting = asyncio.Lock()
        self._connection = AsyncExitStack()
        self._client: PublisherAsyncClient | None = None
        self._batcher = Batcher[Any, None](
            self._send,
            bounds=up_to(BATCH_MESSAGES, BATCH_BYTES, lambda message: len(message.data)),
            unavailable=lambda: Unavailable(NO_ANSWER),
            deadline_s=DEADLINE_SECONDS,
            max_waiting=MAX_WAITING,
            pause_s=pause_s,
        )

    async def connect(self) -> None:
        with suppress(*FAILURES):
            await self._connected()

    async def publish(self, event: Event) -> None:
        await self._batcher.submit(_message(event))

    async def close(self) -> None:
        await self._batcher.close(DEADLINE_SECONDS)
        await self._disconnect()

    async def _send(self, batch: Batch[Any, None]) -> None:
        """Try until the deadline of the batch's youngest event; raises Unavailable."""
        request = PublishRequest(topic=self._topic, messages=[pending.item for pending in batch])
        extra = {"count": len(batch), "topic": self._topic}
        backoff = Backoff(0.05, 0.5)
        now = asyncio.get_running_loop().time
        while (left := batch[-1].deadline - now()) > 0:
            try:
                async with asyncio.timeout(min(left, TRY_SECONDS)):
                    await self._publish(request)
            except FAILURES as error:
                await self._disconnect()  # the next try has a new connection: this one may be dead
                if not is_transient(error):
                    log.exception("the bus refuses events", extra=extra)
                    raise Unavailable(NO_ANSWER) from error
                await asyncio.sleep(min(backoff.pause(), left))
            else:
                for pending in batch:
                    pending.answer(None)
                return
        log.warning("the bus does not take events", extra=extra)
        raise Unavailable(NO_ANSWER)

    async def _publish(self, request: PublishRequest) -> None:
        client = await self._connected()
        await self._endpoint.on_topic(
            self._topic, lambda: client.publish(request, retry=None, timeout=TRY_SECONDS), timeout=TRY_SECONDS
        )

    async def _connected(self) -> PublisherAsyncClient:
        async with self._connecting:
            if self._client is None:
                client = self._endpoint.publisher(connect=True)
                self._client = await self._connection.enter_async_context(client)
            return self._client

    async def _disconnect(self) -> None:
        self._client = None
        await self._connection.aclose()


def _message(event: Event) -> Any:
    """The event as a protobuf message: a wrapper for each would take 15 us."""
    attributes = {"type": event.type, **cloud_event(event)}
    if event.conversation_id is not None:
        attributes["conversationId"] = event.conversation_id
    if not isinstance(event, Typing):  # the rooms of its origin have the entry already
        attributes[ORIGIN] = event.origin
    if (at := trace.current()) is not None:
        attributes[trace.HEADER] = str(at)
    return PubsubMessage.pb()(data=encode_event(event), attributes=attributes)


def cloud_event(event: Event) -> dict[str, str]:
    """The attributes that CloudEvents 1.0 requires, and the time; all events of an entry have the same id."""
    source = "/api/me" if event.conversation_id is None else f"/api/conversations/{event.conversation_id}"
    return {
        "ce-specversion": "1.0",
        "ce-type": event.type,
        "ce-source": source,
        "ce-id": uuid.uuid4().hex if event.seq is None else f"{event.conversation_id}/{event.seq}",
        "ce-time": timestamp_text(event.at),
    }
