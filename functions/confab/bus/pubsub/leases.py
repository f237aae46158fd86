"""Which subscriptions still have a process.

Each process writes down that it lives, and deletes the subscriptions of those that no longer do:
a subscription outlives a process that was killed, and Pub/Sub would keep it for a day.
"""

import logging
import random
import time

from google.api_core.exceptions import NotFound
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import SubscriberAsyncClient, UpdateSubscriptionRequest
from google.pubsub_v1 import Subscription as SubscriptionConfig

RENEW_S = 60.0
"""Seconds between two signs of life."""
STALE_S = 300.0
"""Seconds without a sign of life after which a process is taken for dead."""
CALL_SECONDS = 5.0
ALIVE = "confab-alive"
"""The label that marks a subscription of ours; its value is the second of the last sign of life."""

log = logging.getLogger(__name__)


def labels() -> dict[str, str]:
    """The sign of life of this moment."""
    return {ALIVE: str(int(time.time()))}


def pause() -> float:
    """Seconds until the next renewal; the jitter keeps instances apart."""
    return RENEW_S * random.uniform(0.8, 1.2)


async def renew(client: SubscriberAsyncClient, name: str) -> None:
    """Write down that the process of this subscription lives; raises what the call raises."""
    changed = SubscriptionConfig(name=name, labels=labels())
    request = UpdateSubscriptionRequest(subscription=changed, update_mask=FieldMask(paths=["labels"]))
    await client.update_subscription(request, retry=None, timeout=CALL_SECONDS)


async def sweep(client: SubscriberAsyncClient, topic: str) -> int:
    """Delete the subscriptions of dead processes to this topic; how many there were.

    One whose process was only frozen is made again by it. Raises what the calls raise.
    """
    project = "/".join(topic.split("/")[:2])
    swept = 0
    listed = await client.list_subscriptions(project=project, retry=None, timeout=CALL_SECONDS)
    async for subscription in listed:
        if subscription.topic != topic or not stale(dict(subscription.labels)):
            continue
        try:
            await client.delete_subscription(subscription=subscription.name, retry=None, timeout=CALL_SECONDS)
        except NotFound:  # another process was faster
            continue
        swept += 1
        log.info("a dead process's subscription is deleted", extra={"subscription": subscription.name})
    return swept


def stale(marked: dict[str, str]) -> bool:
    """Whether labels are those of a process that is taken for dead."""
    alive = marked.get(ALIVE, "")
    return alive.isdecimal() and time.time() - int(alive) > STALE_S
