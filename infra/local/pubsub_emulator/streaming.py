"""Streaming pull: messages out as they come, acknowledgements in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import FailedPrecondition, InvalidArgument
from infra.local.pubsub_emulator.messages import StreamingPullResponse
from infra.local.pubsub_emulator.subscription import ACK_SECONDS, RESPONSE_MESSAGES, Subscription, received

KEEP_ALIVE_PROTOCOL = 1
"""From this protocol version on, an empty request is a ping that an empty response answers."""


class Stream:
    """One streaming pull, from its first request on."""

    def __init__(self, broker: Broker, first: Any) -> None:
        if not first.subscription:
            raise InvalidArgument("The first request of a stream names the subscription.")
        if first.stream_ack_deadline_seconds not in ACK_SECONDS:
            raise InvalidArgument("The stream's ack deadline must be 10 to 600 seconds.")
        self._subscription: Subscription = broker.subscription(first.subscription)
        if self._subscription.push_endpoint:
            raise FailedPrecondition("A push subscription cannot be pulled.")
        self._ack_seconds = first.stream_ack_deadline_seconds
        self._consumer = Consumer(max(first.max_outstanding_messages, 0), max(first.max_outstanding_bytes, 0))
        self._answers_pings = first.protocol_version >= KEEP_ALIVE_PROTOCOL
        self._pinged = False
        self._take_in(first)

    async def run(self, requests: AsyncIterator[Any], write: Callable[[Any], Awaitable[None]]) -> None:
        """Write responses until the client has no more requests; Refused if the subscription ends."""
        async with self._reading(requests) as reader, self._subscription.waiter() as waiter:
            while not reader.done():
                deliveries = self._subscription.lease(self._consumer, RESPONSE_MESSAGES, self._ack_seconds)
                if deliveries or self._pinged:
                    self._pinged = False
                    await write(StreamingPullResponse(received_messages=[received(d) for d in deliveries]))
                else:
                    await waiter.wait()
            reader.result()

    @asynccontextmanager
    async def _reading(self, requests: AsyncIterator[Any]) -> AsyncIterator["asyncio.Task[None]"]:
        reader = asyncio.create_task(self._read(requests))
        reader.add_done_callback(lambda _: self._subscription.wake())
        try:
            yield reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)  # the stream has ended for another reason

    async def _read(self, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            if request.subscription:
                raise InvalidArgument("Only the first request of a stream names the subscription.")
            if self._answers_pings and not request.ByteSize():
                self._pinged = True
                self._subscription.wake()
            self._take_in(request)

    def _take_in(self, request: Any) -> None:
        if len(request.modify_deadline_seconds) != len(request.modify_deadline_ack_ids):
            raise InvalidArgument("Each deadline to modify needs one ack id.")
        if request.stream_ack_deadline_seconds:
            if request.stream_ack_deadline_seconds not in ACK_SECONDS:
                raise InvalidArgument("The stream's ack deadline must be 10 to 600 seconds.")
            self._ack_seconds = request.stream_ack_deadline_seconds
        if request.ack_ids:
            self._subscription.acknowledge(list(request.ack_ids))
        for ack_id, seconds in zip(
            request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
        ):
            self._subscription.modify([ack_id], seconds)
