"""The receiving side of the bus on Pub/Sub: one subscription a process."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from google.api_core.exceptions import AlreadyExists, NotFound
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import ExpirationPolicy, SubscriberAsyncClient
from google.pubsub_v1 import Subscription as SubscriptionConfig

from confab import trace
from confab.aio import Backoff
from confab.bus import leases
from confab.bus.client import FAILURES, ORIGIN, Endpoint
from confab.bus.stream import ACK_SECONDS, Acknowledgements, open_stream
from confab.domain.events import Event, decode_event
from confab.trace import Trace

EXPIRATION_SECONDS = 86_400
RETENTION_SECONDS = 600
CALL_SECONDS = 5.0
CLOSE_SECONDS = 2.0
BUFFER_RESPONSES = 16
"""Responses in the queue of `events`; flow control bounds the messages in them."""

log = logging.getLogger(__name__)

Received = tuple[str, Event, Trace | None]
"""The ack id of a message, its event, and the trace in which it was published."""


class PubSubSubscription:
    """The port `Subscription` on a Pub/Sub topic. Belongs to the event loop that iterates first."""

    def __init__(self, project: str, topic: str, *, instance: str, emulator_host: str | None) -> None:
        self._instance = instance
        self._topic = f"projects/{project}/topics/{topic}"
        self._prefix = f"projects/{project}/subscriptions/confab-{instance}"
        self.name = f"{self._prefix}-{secrets.token_hex(4)}"
        self._client_id = secrets.token_hex(16)
        self._endpoint = Endpoint(emulator_host)
        self._acknowledgements = Acknowledgements()
        self._buffer: asyncio.Queue[list[Received] | None] = asyncio.Queue(BUFFER_RESPONSES)
        self._listener: asyncio.Task[None] | None = None
        self._stream: asyncio.Task[None] | None = None
        self._lease: asyncio.Task[None] | None = None
        self._exists = False
        self._closed = False
        self.connected = False
        self.undecodable = 0
        """Messages that were not valid events."""
        self.lag_s = 0.0
        """How long the newest message was on the bus, as far as the clocks agree."""

    async def events(self) -> AsyncIterator[Event]:
        """The events, for one reader; each is acknowledged when the next one is requested."""
        if self._listener is None and not self._closed:
            self._listener = asyncio.create_task(self._listen())
            self._lease = asyncio.create_task(self._keep_lease())
        while not self._closed:
            for ack_id, event, carried in await self._buffer.get() or ():
                trace.enter(carried)
                yield event
                trace.enter(None)
                self._acknowledgements.add(ack_id)

    def restart(self, *, fresh: bool) -> None:
        """A subscription that is replaced is left for its lease to expire."""
        if fresh:
            self.name = f"{self._prefix}-{secrets.token_hex(4)}"
            self._exists = False
        if self._stream is not None:
            self._stream.cancel()

    async def close(self) -> None:
        """A subscription that cannot be deleted is left to expire. The iteration over the events ends."""
        self._closed = True
        if self._listener is not None and self._lease is not None:
            self._listener.cancel()
            self._lease.cancel()
            await asyncio.gather(self._listener, self._lease, return_exceptions=True)
            await self._delete()
        while not self._buffer.empty():
            self._buffer.get_nowait()
        self._buffer.put_nowait(None)

    async def _listen(self) -> None:
        """Replace each stream that ends, for whatever reason."""
        backoff = Backoff(0.1, 2.0)
        while True:
            stream = self._stream = asyncio.create_task(self._receive(backoff))
            try:
                await asyncio.wait((stream,))
            finally:
                self.connected = False
                stream.cancel()
                await asyncio.gather(stream, return_exceptions=True)
            _log_end(stream)
            await asyncio.sleep(backoff.pause())

    async def _receive(self, backoff: Backoff) -> None:
        async with self._endpoint.subscriber() as client:
            if not self._exists:
                await self._endpoint.on_topic(self._topic, lambda: self._create(client), timeout=CALL_SECONDS)
                self._exists = True
            try:
                stream = await open_stream(client, self.name, self._client_id, self._acknowledgements)
                self.connected = True
                async with aclosing(stream):
                    async for messages in stream:
                        backoff.reset()
                        if events := self._decoded(messages):
                            await self._buffer.put(events)
            except NotFound:
                self._exists = False
                raise

    async def _create(self, client: SubscriberAsyncClient) -> None:
        config = SubscriptionConfig(
            name=self.name,
            topic=self._topic,
            ack_deadline_seconds=ACK_SECONDS,
            message_retention_duration=Duration(seconds=RETENTION_SECONDS),
            expiration_policy=ExpirationPolicy(ttl=Duration(seconds=EXPIRATION_SECONDS)),
            filter=f'NOT attributes.{ORIGIN} = "{self._instance}"',
            labels=leases.labels(),
        )
        with suppress(AlreadyExists):  # an earlier try's response was lost
            await client.create_subscription(config, retry=None, timeout=CALL_SECONDS)

    async def _keep_lease(self) -> None:
        """Renew the lease, and delete the subscriptions whose lease has expired."""
        while True:
            try:
                async with self._endpoint.subscriber() as client:
                    if self._exists:
                        await leases.renew(client, self.name)
                    await leases.delete_expired(client, self._topic)
            except FAILURES as error:  # retried in the next round, long before the lease expires
                log.info("the subscription's lease was not renewed: %s", type(error).__name__)
            await asyncio.sleep(leases.pause())

    def _decoded(self, messages: list[Any]) -> list[Received]:
        """The valid events; other messages are acknowledged and counted."""
        decoded: list[Received] = []
        if messages:
            self.lag_s = max(0.0, time.time() - messages[-1].message.publish_time.ToMilliseconds() / 1000)
        for each in messages:
            try:
                carried = trace.parse(each.message.attributes.get(trace.HEADER, ""))
                decoded.append((each.ack_id, decode_event(each.message.data), carried))
            except ValueError:
                self.undecodable += 1
                self._acknowledgements.add(each.ack_id)
                log.warning(
                    "a bus message is not a Confab event", extra={"messageId": each.message.message_id}
                )
        return decoded

    async def _delete(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS), self._endpoint.subscriber() as client:
                while ack_ids := self._acknowledgements.take():
                    await client.acknowledge(
                        subscription=self.name, ack_ids=ack_ids, retry=None, timeout=CLOSE_SECONDS
                    )
                await client.delete_subscription(subscription=self.name, retry=None, timeout=CLOSE_SECONDS)
        except NotFound:
            log.info("the subscription is gone already", extra={"subscription": self.name})
        except FAILURES as error:
            log.warning(
                "the subscription is left to expire: %s",
                type(error).__name__,
                extra={"subscription": self.name},
            )


def _log_end(stream: asyncio.Task[None]) -> None:
    """Log why a stream has ended; a defect of Confab's with its traceback."""
    error = None if stream.cancelled() else stream.exception()
    if error is None or isinstance(error, FAILURES):
        log.warning("the bus stream has ended: %s", type(error).__name__ if error else "restarted")
    else:
        log.error("the bus stream has failed", exc_info=error)
