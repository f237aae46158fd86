"""Buses to test against, and a listener that collects their events."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from google.pubsub_v1 import PubsubMessage, SubscriberAsyncClient, Subscription

from confab.bus.client import Endpoint
from confab.bus.publisher import PubSubPublisher
from confab.bus.subscription import PubSubSubscription
from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, TypingState, event_of
from confab.ports.bus import Publisher
from tests.support.pubsub import PubSubServer, closed_port
from tests.support.samples import NOW, message
from tests.support.twins.bus import MemoryBus, MemorySubscription
from tests.support.waiting import until

PROJECT = "demo-confab"


def events(count: int) -> list[Event]:
    return [event_of(message(seq), origin="i1") for seq in range(1, count + 1)]


def typing(user: str = "alice") -> Typing:
    state = TypingState(conversation_id="c1", user_id=user, typing=True)
    return Typing(conversation_id="c1", origin="i1", at=NOW, data=state)


class Listener:
    """Reads a subscription in the background and remembers what came."""

    def __init__(self, subscription: PubSubSubscription | MemorySubscription) -> None:
        self.subscription = subscription
        self.events: list[Event] = []
        self.reading = asyncio.create_task(self._read())

    async def until(self, condition: Callable[[], bool], within: float = 15) -> None:
        await until(condition, within=within)

    async def got(self, *wanted: Event) -> None:
        await self.until(lambda: all(event in self.events for event in wanted))

    async def close(self) -> None:
        await self.subscription.close()
        await self.reading

    async def _read(self) -> None:
        async for event in self.subscription.events():
            self.events.append(event)


class MemoryBackend:
    """The twin; each topic is a bus of its own."""

    def __init__(self) -> None:
        self._bus = MemoryBus()

    def publisher(self) -> Publisher:
        return self._bus.publisher()

    def subscription(self) -> MemorySubscription:
        return self._bus.subscription("mine")

    async def put(self, data: bytes) -> None:
        self._bus.put(data)

    def publisher_without_bus(self) -> Publisher:
        self._bus.down = True
        return self._bus.publisher()


@dataclass
class PubSubBackend:
    """A topic of its own on an emulator."""

    server: PubSubServer
    topic: str = field(default_factory=lambda: f"confab-events-{uuid.uuid4().hex}")

    @property
    def topic_name(self) -> str:
        return f"projects/{PROJECT}/topics/{self.topic}"

    def publisher(self) -> Publisher:
        return PubSubPublisher(PROJECT, self.topic, emulator_host=self.server.address)

    def subscription(self) -> PubSubSubscription:
        return PubSubSubscription(PROJECT, self.topic, instance="mine", emulator_host=self.server.address)

    async def put(self, data: bytes) -> None:
        async with Endpoint(self.server.address).publisher() as client:
            await client.publish(topic=self.topic_name, messages=[PubsubMessage(data=data)])

    def publisher_without_bus(self) -> Publisher:
        return PubSubPublisher(PROJECT, self.topic, emulator_host=closed_port())

    def raw(self) -> AbstractAsyncContextManager[SubscriberAsyncClient]:
        """A client of the service itself."""
        return Endpoint(self.server.address).subscriber()

    async def subscribed(self, client: SubscriberAsyncClient, **fields: Any) -> str:
        """A new subscription with these fields; its name."""
        await Endpoint(self.server.address).create_topic(self.topic_name, timeout=5)
        name = f"projects/{PROJECT}/subscriptions/raw-{uuid.uuid4().hex}"
        await client.create_subscription(Subscription(name=name, topic=self.topic_name, **fields))
        return name


Backend = MemoryBackend | PubSubBackend


async def arrives(listener: Listener, sender: Publisher, within: float = 15) -> None:
    """Something that is published now arrives, however often it has to be published."""
    async with asyncio.timeout(within):
        while typing("probe") not in listener.events:
            try:
                await sender.publish(typing("probe"))
            except Unavailable:
                continue
            await asyncio.sleep(0.1)
