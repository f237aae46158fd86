"""Probes the bus: the topic exists and delivers, and no subscription is abandoned."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from google.api_core.exceptions import NotFound, PermissionDenied
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import ExpirationPolicy, PubsubMessage, SubscriberAsyncClient, Subscription

from confab.bus import leases
from confab.bus.client import FAILURES, Endpoint
from confab.domain.cells import MAIN, topic_of
from confab.domain.events import Typing, TypingState, encode_event
from infra.probes.probe import Failure, Probe
from infra.probes.system import System

CALL_S = 5.0
CLEAN_UP_S = 2.0
EXPIRES_S = 86_400
"""Pub/Sub deletes a probe's subscription after a day without use, if the probe cannot."""
FIX_AWAY = "locally: make dev; in the cloud: check the network and the credentials"
FIX_PERMISSION = "give this account the role pubsub.editor, or leave the bus out with --skip bus"
FIX_TOPIC = "locally: start a realtime instance, which creates it; in the cloud: run make deploy"
FIX_SILENT = "Pub/Sub takes events and delivers none: see its status page; locally, restart the emulator"
FIX_LEFT = "a realtime instance deletes them within minutes: check that one runs and may delete subscriptions"


@asynccontextmanager
async def bus(system: System, cell: str = MAIN) -> AsyncIterator[Sequence[Probe]]:
    """A cell's topic works. Creates and deletes a subscription, and publishes one event.

    The event is the instances' own probe: `typing: false` in a conversation that does not exist.
    """
    visit = Visit(system.config.project, topic_of(cell), system.config.pubsub_emulator_host)
    prefix = "bus" if cell == MAIN else f"bus {cell}"
    topic = f"{prefix} topic"
    rest = {"round trip": visit.round_trip, "subscriptions": visit.subscriptions}
    try:
        yield [
            Probe(topic, partial(responding, visit.topic), FIX_AWAY, 2 * CALL_S),
            *(
                Probe(f"{prefix} {name}", partial(responding, probe), FIX_AWAY, 2 * CALL_S, after=(topic,))
                for name, probe in rest.items()
            ),
        ]
    finally:
        await visit.end()


async def responding(probe: Callable[[], Awaitable[str]]) -> str:
    """The probe's result; raises Pub/Sub's errors as a Failure."""
    try:
        return await probe()
    except PermissionDenied:
        raise Failure("this account lacks the permission", FIX_PERMISSION) from None
    except FAILURES as error:
        raise Failure(f"Pub/Sub does not respond: {type(error).__name__}") from None


class Visit:
    """The probes of a topic, with a subscription of their own."""

    def __init__(self, project: str, topic: str, emulator_host: str | None) -> None:
        self._endpoint = Endpoint(emulator_host)
        self._project = f"projects/{project}"
        self._topic = f"{self._project}/topics/{topic}"
        self._name = f"doctor-{secrets.token_hex(6)}"
        self._subscription = f"{self._project}/subscriptions/confab-{self._name}"
        self._subscribed = False

    async def topic(self) -> str:
        """The topic exists."""
        async with self._endpoint.publisher() as client:
            try:
                await client.get_topic(topic=self._topic, retry=None, timeout=CALL_S)
            except NotFound:
                raise Failure(f"there is no {self._topic}", FIX_TOPIC) from None
        return f"{self._topic} exists"

    async def round_trip(self) -> str:
        """A subscription delivers a published event."""
        async with self._endpoint.subscriber() as client:
            self._subscribed = True
            await client.create_subscription(self._configuration(), retry=None, timeout=CALL_S)
            began = time.monotonic()
            async with self._endpoint.publisher() as publisher:
                events = [self._event()]
                await publisher.publish(topic=self._topic, messages=events, retry=None, timeout=CALL_S)
            try:
                async with asyncio.timeout(CALL_S):
                    await self._delivered(client)
            except TimeoutError:
                raise Failure(f"no event was delivered within {CALL_S:g} s", FIX_SILENT) from None
        return f"an event was delivered after {(time.monotonic() - began) * 1000:.0f} ms"

    async def subscriptions(self) -> str:
        """Every instance's subscription belongs to a live instance."""
        async with self._endpoint.subscriber() as client:
            listed = await client.list_subscriptions(project=self._project, retry=None, timeout=CALL_S)
            ours = [each async for each in listed if self._is_an_instances(each)]
        left = sum(leases.stale(dict(each.labels)) for each in ours)
        if left:
            raise Failure(f"{left} of {len(ours)} belong to instances that are gone", FIX_LEFT)
        return f"{len(ours)} of live instances"

    async def end(self) -> None:
        """Delete the probes' subscription; a realtime instance deletes it if this fails."""
        if self._subscribed:
            with suppress(*FAILURES):
                async with asyncio.timeout(CLEAN_UP_S), self._endpoint.subscriber() as client:
                    name = self._subscription
                    await client.delete_subscription(subscription=name, retry=None, timeout=CLEAN_UP_S)

    def _configuration(self) -> Subscription:
        return Subscription(
            name=self._subscription,
            topic=self._topic,
            filter=f'attributes.conversationId = "{self._name}"',
            expiration_policy=ExpirationPolicy(ttl=Duration(seconds=EXPIRES_S)),
            labels=leases.labels(),
        )

    def _event(self) -> PubsubMessage:
        state = TypingState(conversation_id=self._name, user_id=self._name, typing=False)
        event = Typing(conversation_id=self._name, data=state, origin=self._name, at=datetime.now(UTC))
        attributes = {"type": event.type, "conversationId": self._name}
        return PubsubMessage(data=encode_event(event), attributes=attributes)

    async def _delivered(self, client: SubscriberAsyncClient) -> None:
        """Return at the first message: the subscription's filter admits the event alone."""
        while True:
            wanted = {"subscription": self._subscription, "max_messages": 1}
            response = await client.pull(wanted, retry=None, timeout=CALL_S)
            if response.received_messages:
                return

    def _is_an_instances(self, subscription: Any) -> bool:
        own = subscription.name == self._subscription
        return subscription.topic == self._topic and leases.ALIVE in subscription.labels and not own
