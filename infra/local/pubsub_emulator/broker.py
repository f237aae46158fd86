"""The topics and subscriptions of the emulator."""

import itertools
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from google.pubsub_v1 import types
from grpc import StatusCode

from infra.local.pubsub_emulator.errors import Refused, invalid, not_found
from infra.local.pubsub_emulator.subscription import Subscription

MAX_RESOURCES = 1_000
"""Topics, and subscriptions, that may exist at once."""
MAX_PUBLISH_MESSAGES = 1_000
MAX_PUBLISH_BYTES = 10_000_000
_NAME = re.compile(r"projects/[^/]+/(topics|subscriptions)/(?!goog)[A-Za-z][\w.~+%-]{2,254}", re.ASCII)


class Broker:
    """The emulator's state. Calls `created` with each new subscription."""

    def __init__(self, created: Callable[[Subscription], None] = lambda _: None) -> None:
        self._topics: dict[str, Any] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._message_ids = itertools.count(1)
        self._created = created

    def create_topic(self, topic: Any) -> Any:
        """Store a topic; ALREADY_EXISTS if the name is taken."""
        _check_name(topic.name, "topics", self._topics)
        self._topics[topic.name] = topic
        return topic

    def topic(self, name: str) -> Any:
        """The topic; NOT_FOUND if there is none."""
        if name not in self._topics:
            raise not_found(name)
        return self._topics[name]

    def publish(self, topic: str, messages: Iterable[Any]) -> list[str]:
        """Offer the messages to every subscription of the topic, in order; their ids."""
        self.topic(topic)
        messages = list(messages)
        _check_publish(messages)
        subscribers = [each for each in self._subscriptions.values() if each.config.topic == topic]
        seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
        ids = []
        for published in messages:
            message = types.PubsubMessage.pb()()
            message.CopyFrom(published)
            message.message_id = str(next(self._message_ids))
            message.publish_time.seconds, message.publish_time.nanos = seconds, nanos
            ids.append(message.message_id)
            for subscription in subscribers:
                subscription.offer(message)
        return ids

    def create_subscription(self, config: Any) -> Any:
        """Store a subscription of an existing topic."""
        _check_name(config.name, "subscriptions", self._subscriptions)
        self.topic(config.topic)
        subscription = Subscription(config)
        self._subscriptions[config.name] = subscription
        self._created(subscription)
        return subscription.config

    def subscription(self, name: str) -> Subscription:
        """The subscription; NOT_FOUND if there is none."""
        if name not in self._subscriptions:
            raise not_found(name)
        return self._subscriptions[name]

    def configurations(self, project: str) -> list[Any]:
        """The configurations of a project's subscriptions (`projects/p`), by name."""
        listed = sorted(self._subscriptions.items())
        return [each.config for name, each in listed if name.startswith(f"{project}/")]

    def update_subscription(self, wanted: Any, paths: Iterable[str]) -> Any:
        """Replace a subscription's labels, the only field that the emulator updates."""
        config = self.subscription(wanted.name).config
        if list(paths) != ["labels"]:
            raise invalid("This emulator updates labels only.")
        config.ClearField("labels")
        config.labels.update(wanted.labels)
        return config

    def delete_subscription(self, name: str) -> None:
        """Delete a subscription with its messages; its streams end with NOT_FOUND."""
        self.subscription(name).end(not_found(name))
        del self._subscriptions[name]

    def end(self, reason: Refused) -> None:
        """Reject every waiting consumer."""
        for subscription in self._subscriptions.values():
            subscription.end(reason)


def _check_name(name: str, kind: str, taken: dict[str, Any]) -> None:
    match = _NAME.fullmatch(name)
    if match is None or match[1] != kind:
        raise invalid(f"Invalid [{kind}] name: (name={name})")
    if name in taken:
        raise Refused(StatusCode.ALREADY_EXISTS, f"Resource already exists in the project (resource={name}).")
    if len(taken) >= MAX_RESOURCES:
        raise Refused(StatusCode.RESOURCE_EXHAUSTED, f"The emulator holds at most {MAX_RESOURCES} {kind}.")


def _check_publish(messages: list[Any]) -> None:
    if not messages:
        raise invalid("The request has no messages.")
    if len(messages) > MAX_PUBLISH_MESSAGES:
        raise invalid(f"A request publishes at most {MAX_PUBLISH_MESSAGES} messages.")
    if sum(message.ByteSize() for message in messages) > MAX_PUBLISH_BYTES:
        raise invalid(f"A request publishes at most {MAX_PUBLISH_BYTES} bytes.")
    if any(not message.data and not message.attributes for message in messages):
        raise invalid("A message needs data or an attribute.")
