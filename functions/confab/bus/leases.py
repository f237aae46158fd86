"""Leases of subscriptions, so that those of dead processes are deleted.

A subscription outlives a process that was killed, and Pub/Sub would keep it for a day. Each process
renews the lease of its own, and deletes those whose lease has expired.
"""

import logging
import random
import time

from google.api_core.exceptions import NotFound
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import SubscriberAsyncClient, UpdateSubscriptionRequest
from google.pubsub_v1 import Subscription as SubscriptionConfig

RENEW_S = 60.0
"""Seconds between two renewals."""
STALE_S = 300.0
"""Seconds after a renewal at which a lease expires."""
CALL_SECONDS = 5.0
ALIVE = "confab-alive"
"""The label of a subscription of Confab's; its value is the second of the last renewal."""

log = logging.getLogger(__name__)


def labels() -> dict[str, str]:
    """A lease that is renewed now."""
    return {ALIVE: str(int(time.time()))}


def pause() -> float:
    """Seconds until the next renewal, with jitter, so that instances do not renew at once."""
    return RENEW_S * random.uniform(0.8, 1.2)


async def renew(client: SubscriberAsyncClient, name: str) -> None:
    """Renew the lease of a subscription; raises what the call raises."""
    changed = SubscriptionConfig(name=name, labels=labels())
    request = UpdateSubscriptionRequest(subscription=changed, update_mask=FieldMask(paths=["labels"]))
    await client.update_subscription(request, retry=None, timeout=CALL_SECONDS)


async def delete_expired(client: SubscriberAsyncClient, topic: str) -> int:
    """Delete the subscriptions to this topic whose lease has expired; how many there were.

    A process that was only frozen creates its subscription again. Raises what the calls raise.
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
    """Whether these labels are an expired lease."""
    alive = marked.get(ALIVE, "")
    return alive.isdecimal() and time.time() - int(alive) > STALE_S
