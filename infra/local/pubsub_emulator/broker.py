"""The topics and subscriptions of the emulator, and what is published to them."""

import itertools
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from infra.local.pubsub_emulator.errors import (
    AlreadyExists,
    InvalidArgument,
    Refused,
    ResourceExhausted,
)
from infra.local.pubsub_emulator.messages import PubsubMessage
from infra.local.pubsub_emulator.subscription import Subscription, gone

MAX_RESOURCES = 1_000
"""Topics, and subscriptions, that may exist at once."""
MAX_PUBLISH_MESSAGES = 1_000
MAX_PUBLISH_BYTES = 10_000_000
DELETED_TOPIC = "_deleted-topic_"
_NAME = re.compile(
    r"projects/[^/]+/(?P<kind>topics|subscriptions)/(?!goog)[A-Za-z][\w.~+%-]{2,254}", re.ASCII
)


class Broker:
    """Everything that the emulator knows.

    `changed` is told of each subscription that is new, updated or deleted.
    """

    def __init__(self, changed: Callable[[Subscription], None] = lambda _: None) -> None:
        self._topics: dict[str, Any] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._message_ids = itertools.count(1)
        self._changed = changed

    def create_topic(self, topic: Any) -> Any:
        """Store a topic; AlreadyExists if the name is taken."""
        _check_name(topic.name, "topics")
        _check_free(topic.name, self._topics)
        self._topics[topic.name] = topic
        return topic

    def topic(self, name: str) -> Any:
        """The topic; NotFound if there is none."""
        if name not in self._topics:
            raise gone(name)
        return self._topics[name]

    def topics(self, project: str) -> list[Any]:
        """The topics of a project (`projects/p`), by name."""
        return [self._topics[name] for name in sorted(self._topics) if name.startswith(f"{project}/")]

    def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions stay, without one."""
        self.topic(name)
        del self._topics[name]
        for subscription in self.subscribers(name):
            subscription.config.topic = DELETED_TOPIC

    def subscribers(self, topic: str) -> list[Subscription]:
        """The subscriptions of a topic."""
        return [each for each in self._subscriptions.values() if each.config.topic == topic]

    def publish(self, topic: str, messages: Iterable[Any]) -> list[str]:
        """Give the messages to every subscription of the topic, in order; their ids."""
        self.topic(topic)
        messages = list(messages)
        _check_publish(messages)
        subscribers = self.subscribers(topic)
        seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
        ids = []
        for published in messages:
            message = PubsubMessage()
            message.CopyFrom(published)
            message.message_id = str(next(self._message_ids))
            message.publish_time.seconds, message.publish_time.nanos = seconds, nanos
            ids.append(message.message_id)
            for subscription in subscribers:
                subscription.offer(message)
        return ids

    def create_subscription(self, config: Any) -> Any:
        """Store a subscription of a topic that exists."""
        self._drop_expired()
        _check_name(config.name, "subscriptions")
        _check_free(config.name, self._subscriptions)
        self.topic(config.topic)
        subscription = Subscription(config)
        self._subscriptions[config.name] = subscription
        self._changed(subscription)
        return subscription.config

    def subscription(self, name: str) -> Subscription:
        """The subscription; NotFound if there is none."""
        if name not in self._subscriptions:
            raise gone(name)
        return self._subscriptions[name]

    def subscriptions(self, project: str) -> list[Subscription]:
        """The subscriptions of a project (`projects/p`), by name."""
        return [
            self._subscriptions[name]
            for name in sorted(self._subscriptions)
            if name.startswith(f"{project}/")
        ]

    def update_subscription(self, config: Any, paths: list[str]) -> Any:
        """Change these fields of a subscription."""
        subscription = self.subscription(config.name)
        subscription.update(config, paths)
        self._changed(subscription)
        return subscription.config

    def delete_subscription(self, name: str) -> None:
        """Delete a subscription with all that it holds; its streams end with NotFound."""
        subscription = self.subscription(name)
        del self._subscriptions[name]
        subscription.end(gone(name))
        self._changed(subscription)

    def end(self, reason: Refused) -> None:
        """Refuse everyone who waits for messages."""
        for subscription in self._subscriptions.values():
            subscription.end(reason)

    def _drop_expired(self) -> None:
        for name in [name for name, each in self._subscriptions.items() if each.expired]:
            self.delete_subscription(name)


def _check_name(name: str, kind: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None or match["kind"] != kind:
        raise InvalidArgument(f"Invalid [{kind}] name: (name={name})")


def _check_free(name: str, taken: dict[str, Any]) -> None:
    if name in taken:
        raise AlreadyExists(f"Resource already exists in the project (resource={name.rsplit('/', 1)[-1]}).")
    if len(taken) >= MAX_RESOURCES:
        raise ResourceExhausted(f"The emulator holds at most {MAX_RESOURCES} of these.")


def _check_publish(messages: list[Any]) -> None:
    if not messages:
        raise InvalidArgument("The request has no messages.")
    if len(messages) > MAX_PUBLISH_MESSAGES:
        raise InvalidArgument(f"A request publishes at most {MAX_PUBLISH_MESSAGES} messages.")
    if sum(message.ByteSize() for message in messages) > MAX_PUBLISH_BYTES:
        raise InvalidArgument(f"A request publishes at most {MAX_PUBLISH_BYTES} bytes.")
    if any(not message.data and not message.attributes for message in messages):
        raise InvalidArgument("A message needs data or an attribute.")
