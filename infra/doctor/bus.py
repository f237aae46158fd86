"""The bus: a topic is there, takes an event and brings it, and no dead subscriptions pile up."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from google.api_core.exceptions import NotFound, PermissionDenied
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import ExpirationPolicy, PubsubMessage, SubscriberAsyncClient
from google.pubsub_v1 import Subscription as SubscriptionConfig

from confab.bus.pubsub import leases
from confab.bus.pubsub.endpoint import Endpoint
from confab.bus.pubsub.failures import FAILURES
from confab.domain.cells import MAIN, topic_of
from confab.domain.events import Typing, TypingState, encode_event
from infra.doctor.check import Check, Fault, Skip
from infra.doctor.site import Site

CALL_S = 5.0
CLEAN_UP_S = 2.0
KEPT_S = 86_400
"""How long Pub/Sub keeps a subscription of the doctor's that it could not delete, at most."""
MEND_AWAY = (
    "locally: make dev, or mend PUBSUB_EMULATOR_HOST; in the cloud: see the network and the credentials"
)
MEND_PERMISSION = "give this account the role pubsub.editor, or leave the bus out with --skip bus"
MEND_TOPIC = "locally: start a realtime instance, which makes it; in the cloud: deploy the infrastructure"
MEND_DEAF = "Pub/Sub takes events and does not bring them: see its status page; locally restart the emulator"
MEND_LEFT = (
    "every realtime instance deletes them within some minutes: see that one runs, and that it may delete "
    "subscriptions"
)


@asynccontextmanager
async def bus(site: Site, cell: str = MAIN) -> AsyncIterator[Sequence[Check]]:
    """Whether a cell's topic works. A subscription is made and deleted, and one event published.

    The event is what instances probe with: `typing: false` in a conversation that does not exist.
    """
    visit = Visit(site.config.project, topic_of(cell), site.config.pubsub_emulator_host)
    where = "bus" if cell == MAIN else f"bus {cell}"
    async with AsyncExitStack() as opened:
        opened.push_async_callback(visit.end)
        yield [
            Check(f"{where} {name}", partial(visit.tried, look), MEND_AWAY, 2 * CALL_S)
            for name, look in (
                ("topic", visit.topic),
                ("round trip", visit.round_trip),
                ("subscriptions", visit.subscriptions),
            )
        ]


class Visit:
    """A stay at the bus, under a name of its own."""

    def __init__(self, project: str, topic: str, emulator_host: str | None) -> None:
        self._endpoint = Endpoint(emulator_host)
        self._project = f"projects/{project}"
        self._topic = f"{self._project}/topics/{topic}"
        self._name = f"doctor-{secrets.token_hex(6)}"
        self._subscription = f"{self._project}/subscriptions/confab-{self._name}"
        self._subscribed = False
        self._found = False

    async def tried(self, look: Callable[[], Awaitable[str]]) -> str:
        """What was seen; raises what is wrong with the bus as a Fault."""
        try:
            return await look()
        except PermissionDenied:
            raise Fault("this account may not do that", MEND_PERMISSION) from None
        except FAILURES as error:
            raise Fault(f"Pub/Sub does not answer: {type(error).__name__}", MEND_AWAY) from None

    async def topic(self) -> str:
        """The topic exists."""
        async with self._endpoint.publisher() as client:
            try:
                await client.get_topic(topic=self._topic, retry=None, timeout=CALL_S)
            except NotFound:
                raise Fault(f"there is no {self._topic}", MEND_TOPIC) from None
        self._found = True
        return f"{self._topic} exists"

    async def round_trip(self) -> str:
        """What is published comes back over a subscription."""
        self._require_topic()
        async with self._endpoint.subscriber() as client:
            self._subscribed = True
            await client.create_subscription(self._wish(), retry=None, timeout=CALL_S)
            began = time.monotonic()
            async with self._endpoint.publisher() as publisher:
                await publisher.publish(
                    topic=self._topic, messages=[self._probe()], retry=None, timeout=CALL_S
                )
            try:
                async with asyncio.timeout(CALL_S):
                    await self._heard(client)
            except TimeoutError:
                raise Fault(f"an event was taken and not brought within {CALL_S:g} s", MEND_DEAF) from None
        return f"an event came back after {(time.monotonic() - began) * 1000:.0f} ms"

    async def subscriptions(self) -> str:
        """None is left of instances that are gone."""
        self._require_topic()
        async with self._endpoint.subscriber() as client:
            listed = await client.list_subscriptions(project=self._project, retry=None, timeout=CALL_S)
            ours = [each async for each in listed if self._is_an_instances(each)]
        left = sum(leases.stale(dict(each.labels)) for each in ours)
        if left:
            raise Fault(f"{left} of {len(ours)} are of instances that are gone", MEND_LEFT)
        return f"{len(ours)} of realtime instances, all alive"

    async def end(self) -> None:
        """Delete the doctor's subscription; one that cannot be is deleted by a realtime instance."""
        if self._subscribed:
            with suppress(*FAILURES):
                async with asyncio.timeout(CLEAN_UP_S), self._endpoint.subscriber() as client:
                    await client.delete_subscription(
                        subscription=self._subscription, retry=None, timeout=CLEAN_UP_S
                    )

    def _require_topic(self) -> None:
        if not self._found:
            raise Skip("the topic was not seen")

    def _wish(self) -> SubscriptionConfig:
        return SubscriptionConfig(
            name=self._subscription,
            topic=self._topic,
            filter=f'attributes.conversationId = "{self._name}"',
            expiration_policy=ExpirationPolicy(ttl=Duration(seconds=KEPT_S)),
            labels=leases.labels(),
        )

    def _probe(self) -> PubsubMessage:
        state = TypingState(conversation_id=self._name, user_id=self._name, typing=False)
        event = Typing(conversation_id=self._name, data=state, origin=self._name, at=datetime.now(UTC))
        attributes = {"type": event.type, "conversationId": self._name}
        return PubsubMessage(data=encode_event(event), attributes=attributes)

    async def _heard(self, client: SubscriberAsyncClient) -> None:
        """Return once the subscription has brought something: it is filtered to the probe."""
        while True:
            answer = await client.pull(
                subscription=self._subscription, max_messages=1, retry=None, timeout=CALL_S
            )
            if answer.received_messages:
                return

    def _is_an_instances(self, subscription: Any) -> bool:
        mine = subscription.name == self._subscription
        return subscription.topic == self._topic and leases.ALIVE in subscription.labels and not mine
