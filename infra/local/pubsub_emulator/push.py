"""Push: posts each message to the subscription's endpoint until that accepts it."""

import asyncio
import base64
import logging
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


async def push(subscription: Subscription) -> None:
    """Post the messages of a push subscription until it is deleted or the emulator stops."""
    consumer = Consumer(max_messages=MAX_IN_FLIGHT)
    try:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as posts:
            while True:
                for delivery in subscription.lease(consumer, MAX_IN_FLIGHT):
                    posts.create_task(_post(session, subscription, delivery))
                await subscription.changed()
    except* Refused:
        log.debug("the push of %s has ended", subscription.config.name)


async def _post(session: aiohttp.ClientSession, subscription: Subscription, delivery: Delivery[Any]) -> None:
    config = subscription.config
    timeout = aiohttp.ClientTimeout(total=config.ack_deadline_seconds)
    body = envelope(config.name, delivery.message)
    try:
        async with session.post(subscription.push_endpoint, json=body, timeout=timeout) as response:
            accepted = response.status in ACCEPTED
    except (aiohttp.ClientError, TimeoutError):
        accepted = False
    if accepted:
        subscription.acknowledge([delivery.ack_id])
    else:  # the lease ends with the backoff
        subscription.modify([delivery.ack_id], backoff(delivery.attempt))


def backoff(attempt: int) -> float:
    """Seconds between a failed attempt (1, 2, 3 …) and the next: doubling, at most a minute."""
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 20), MAX_BACKOFF_SECONDS)


def envelope(subscription: str, message: Any) -> dict[str, Any]:
    """The service's JSON object, with both spellings of the id and the time."""
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
