"""Push subscriptions: each message is posted to the subscriber's endpoint until it says yes."""

import asyncio
import base64
import logging
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from infra.local.pubsub_emulator.backlog import Consumer, Delivery
from infra.local.pubsub_emulator.errors import Refused
from infra.local.pubsub_emulator.subscription import Subscription

ACCEPTED = frozenset({102, 200, 201, 202, 204})
"""The HTTP statuses that acknowledge a message."""
MAX_IN_FLIGHT = 20
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 60.0

log = logging.getLogger(__name__)


class Pusher:
    """Keeps one delivery loop for each push subscription."""

    def __init__(self) -> None:
        self._loops: dict[Subscription, asyncio.Task[None]] = {}

    def follow(self, subscription: Subscription) -> None:
        """Start or leave the loop of a subscription that is new, updated or deleted."""
        running = self._loops.get(subscription)
        if subscription.push_endpoint and running is None:
            loop = asyncio.create_task(_Loop(subscription).run())
            self._loops[subscription] = loop
            loop.add_done_callback(lambda _: self._loops.pop(subscription))

    async def close(self) -> None:
        """End every loop."""
        loops = list(self._loops.values())
        for loop in loops:
            loop.cancel()
        if loops:
            await asyncio.wait(loops)


class _Loop:
    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._consumer = Consumer(max_messages=MAX_IN_FLIGHT)

    async def run(self) -> None:
        """Post messages until the subscription is deleted or becomes a pulled one."""
        try:
            async with AsyncExitStack() as stack:
                session = await stack.enter_async_context(aiohttp.ClientSession())
                posts = await stack.enter_async_context(asyncio.TaskGroup())
                waiter = await stack.enter_async_context(self._subscription.waiter())
                while self._subscription.push_endpoint:
                    for delivery in self._subscription.lease(self._consumer, MAX_IN_FLIGHT):
                        posts.create_task(self._post(session, delivery))
                    await waiter.wait()
        except* Refused:
            log.debug("the push loop of %s has ended", self._subscription.config.name)

    async def _post(self, session: aiohttp.ClientSession, delivery: Delivery[Any]) -> None:
        config = self._subscription.config
        timeout = aiohttp.ClientTimeout(total=config.ack_deadline_seconds)
        body = envelope(config.name, delivery.message)
        try:
            async with session.post(self._subscription.push_endpoint, json=body, timeout=timeout) as answer:
                accepted = answer.status in ACCEPTED
        except (aiohttp.ClientError, TimeoutError):
            accepted = False
        if accepted:
            self._subscription.acknowledge([delivery.ack_id])
        else:  # the lease lasts as long as the pause before the next try
            self._subscription.modify([delivery.ack_id], backoff(delivery.attempt))


def backoff(attempt: int) -> float:
    """Seconds between a failed attempt (1, 2, 3 …) and the next: doubling, at most a minute."""
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 20), MAX_BACKOFF_SECONDS)


def envelope(subscription: str, message: Any) -> dict[str, Any]:
    """The JSON object that the service posts, with both spellings of the id and the time."""
    published = message.publish_time.ToJsonString()
    return {
        "message": {
            "attributes": dict(message.attributes),
            "data": base64.b64encode(message.data).decode(),
            "messageId": message.message_id,
            "message_id": message.message_id,
            "publishTime": published,
            "publish_time": published,
        },
        "subscription": subscription,
    }
