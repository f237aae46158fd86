"""One streaming pull: from its opening until it fails, ends, falls silent or is cancelled."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

from google.pubsub_v1 import StreamingPullRequest, StreamingPullResponse, SubscriberAsyncClient

from confab.bus.client import StreamEnded

ACK_SECONDS = 10
MAX_OUTSTANDING_MESSAGES = 1_000
MAX_OUTSTANDING_BYTES = 16 * 1024 * 1024
OPEN_SECONDS = 5.0
QUIET_SECONDS = 0.5
"""A stream without an error for this long counts as open: some servers send no headers before a message."""
PING_SECONDS = 4.0
SILENCE_SECONDS = 10.0
"""A stream whose server answers pings is given up after this long without a response."""
KEEP_ALIVE_PROTOCOL = 1
"""The server answers each empty request with an empty response (older emulators do not)."""
ACK_INTERVAL_SECONDS = 0.5
ACKS_EARLY = 250
"""So many acknowledgements are sent before the interval ends, or flow control would stop the stream."""
ACKS_PER_REQUEST = 1_000
MAX_ACKS = 10_000
"""Acknowledgements in the queue; beyond these the oldest are dropped, and their messages redelivered."""


class Acknowledgements:
    """A bounded queue of ack ids."""

    def __init__(self) -> None:
        self._ids: deque[str] = deque(maxlen=MAX_ACKS)
        self._many = asyncio.Event()

    def add(self, ack_id: str) -> None:
        """Acknowledge this one soon."""
        self._ids.append(ack_id)
        if len(self._ids) >= ACKS_EARLY:
            self._many.set()

    def take(self) -> list[str]:
        """Remove and return those of the next request, the oldest first."""
        taken = [self._ids.popleft() for _ in range(min(len(self._ids), ACKS_PER_REQUEST))]
        if len(self._ids) < ACKS_EARLY:
            self._many.clear()
        return taken

    async def due(self) -> None:
        """Return when the next request is due: after ACK_INTERVAL_SECONDS, or earlier if there are many."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ACK_INTERVAL_SECONDS):
                await self._many.wait()


async def open_stream(
    client: SubscriberAsyncClient, subscription: str, client_id: str, acknowledgements: Acknowledgements
) -> AsyncGenerator[list[Any], None]:
    """Start pulling; returns once the server has accepted the stream.

    The iterator yields lists of `ReceivedMessage`, empty ones for answered pings. It never ends by
    itself: a stream that ends, fails or falls silent raises what `FAILURES` lists.
    """
    async with asyncio.timeout(OPEN_SECONDS):
        call: Any = await client.streaming_pull(
            requests=_requests(subscription, client_id, acknowledgements),
            retry=None,
            timeout=None,
            metadata=(("x-goog-request-params", f"subscription={subscription}"),),
        )
    with suppress(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            await call.initial_metadata()
    return _messages(aiter(call))


async def _requests(
    subscription: str, client_id: str, acknowledgements: Acknowledgements
) -> AsyncIterator[StreamingPullRequest]:
    yield StreamingPullRequest(
        subscription=subscription,
        stream_ack_deadline_seconds=ACK_SECONDS,
        client_id=client_id,
        max_outstanding_messages=MAX_OUTSTANDING_MESSAGES,
        max_outstanding_bytes=MAX_OUTSTANDING_BYTES,
        protocol_version=KEEP_ALIVE_PROTOCOL,
    )
    now = asyncio.get_running_loop().time
    ping_at = now()
    while True:
        if ack_ids := acknowledgements.take():
            yield StreamingPullRequest(ack_ids=ack_ids)
        if now() >= ping_at:
            ping_at = now() + PING_SECONDS
            yield StreamingPullRequest()
        await acknowledgements.due()


async def _messages(responses: AsyncIterator[StreamingPullResponse]) -> AsyncGenerator[list[Any], None]:
    answers_pings = False
    while True:
        async with asyncio.timeout(SILENCE_SECONDS if answers_pings else None):
            response = await anext(responses, None)
        if response is None:
            raise StreamEnded
        received = list(StreamingPullResponse.pb(response).received_messages)
        answers_pings = answers_pings or not received
        yield received
