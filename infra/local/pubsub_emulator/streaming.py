"""Streaming pull: messages out as they are published, acknowledgements in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from google.pubsub_v1 import types

from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.errors import invalid
from infra.local.pubsub_emulator.subscription import ACK_SECONDS, RESPONSE_MESSAGES, Subscription


class Stream:
    """One streaming pull, from its first request on."""

    def __init__(self, subscription: Subscription, first: Any) -> None:
        if first.stream_ack_deadline_seconds not in ACK_SECONDS:
            raise invalid("The stream's ack deadline must be 10 to 600 seconds.")
        self._subscription = subscription
        self._ack_seconds = first.stream_ack_deadline_seconds
        self._consumer = Consumer(max(first.max_outstanding_messages, 0), max(first.max_outstanding_bytes, 0))
        self._pinged = False

    async def run(self, requests: AsyncIterator[Any], write: Callable[[Any], Awaitable[None]]) -> None:
        """Write responses until the client's requests end; raises Refused if the subscription ends."""
        response = types.StreamingPullResponse.pb()
        async with self._reading(requests) as reader:
            while not reader.done():
                deliveries = self._subscription.lease(self._consumer, RESPONSE_MESSAGES, self._ack_seconds)
                if deliveries or self._pinged:
                    self._pinged = False
                    await write(response(received_messages=received(deliveries)))
                else:
                    await self._subscription.changed()
            reader.result()

    @asynccontextmanager
    async def _reading(self, requests: AsyncIterator[Any]) -> AsyncIterator["asyncio.Task[None]"]:
        reader = asyncio.create_task(self._read(requests))
        reader.add_done_callback(lambda _: self._subscription.wake())
        try:
            yield reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)  # the stream ended for another reason

    async def _read(self, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            if request.subscription or request.stream_ack_deadline_seconds or request.modify_deadline_ack_ids:
                raise invalid("After its first request, this emulator's stream takes acknowledgements alone.")
            self._pinged |= not request.ByteSize()  # an empty response answers an empty request
            self._subscription.acknowledge(list(request.ack_ids))


def received(deliveries: list[Any]) -> list[Any]:
    """Deliveries in the form of pull and streaming pull."""
    message = types.ReceivedMessage.pb()
    return [message(ack_id=each.ack_id, message=each.message) for each in deliveries]
