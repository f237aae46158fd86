from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types
from grpc import StatusCode

from infra.local.pubsub_emulator import broker as broker_module
from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import Refused
from infra.local.pubsub_emulator.push import backoff, envelope
from infra.local.pubsub_emulator.streaming import Stream

TOPIC = "projects/p/topics/events"
SUBSCRIPTION = "projects/p/subscriptions/one"
Topic = types.Topic.pb()
Message = types.PubsubMessage.pb()


@contextmanager
def refused(code: StatusCode) -> Iterator[None]:
    with pytest.raises(Refused) as refusal:
        yield
    assert refusal.value.code is code


def config(name: str = SUBSCRIPTION, **fields: Any) -> Any:
    return types.Subscription.pb()(**{"name": name, "topic": TOPIC, **fields})


def message(data: bytes = b"x", **attributes: str) -> Any:
    return Message(data=data, attributes=attributes)


@pytest.fixture
def broker() -> Broker:
    made = Broker()
    made.create_topic(Topic(name=TOPIC))
    return made


def waiting(broker: Broker, name: str = SUBSCRIPTION) -> list[bytes]:
    deliveries = broker.subscription(name).lease(Consumer(), 100)
    return [delivery.message.data for delivery in deliveries]


def test_a_message_goes_to_each_subscription_of_its_topic_that_was_there(broker: Broker) -> None:
    broker.create_topic(Topic(name="projects/p/topics/other"))
    broker.publish(TOPIC, [message(b"too early")])
    broker.create_subscription(config())
    broker.create_subscription(config("projects/p/subscriptions/two"))
    broker.create_subscription(config("projects/p/subscriptions/other", topic="projects/p/topics/other"))
    ids = broker.publish(TOPIC, [message(b"a"), message(b"b")])
    assert len(set(ids)) == 2
    assert waiting(broker) == waiting(broker, "projects/p/subscriptions/two") == [b"a", b"b"]
    assert waiting(broker, "projects/p/subscriptions/other") == []


def test_what_is_not_there_is_not_found(broker: Broker) -> None:
    missing = "projects/p/topics/missing"
    for call in (
        lambda: broker.topic(missing),
        lambda: broker.publish(missing, [message()]),
        lambda: broker.subscription(SUBSCRIPTION),
        lambda: broker.delete_subscription(SUBSCRIPTION),
        lambda: broker.create_subscription(config(topic=missing)),
        lambda: broker.update_subscription(config(), ["labels"]),
    ):
        with refused(StatusCode.NOT_FOUND):
            call()


def test_a_name_that_is_taken_already_exists(broker: Broker) -> None:
    broker.create_subscription(config())
    with refused(StatusCode.ALREADY_EXISTS):
        broker.create_topic(Topic(name=TOPIC))
    with refused(StatusCode.ALREADY_EXISTS):
        broker.create_subscription(config())


@pytest.mark.parametrize(
    "name", ["", "events", "projects/p/topics/x", "projects/p/topics/googles", "projects/p/topics/a b"]
)
def test_a_bad_name_is_refused(name: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        Broker().create_topic(Topic(name=name))


@pytest.mark.parametrize(
    "fields",
    [
        {"ack_deadline_seconds": 9},
        {"ack_deadline_seconds": 601},
        {"message_retention_duration": Duration(seconds=599)},
        {"expiration_policy": {"ttl": Duration(seconds=3600)}},
        {"enable_message_ordering": True},
        {"enable_exactly_once_delivery": True},
        {"dead_letter_policy": {"max_delivery_attempts": 5}},
        {"retry_policy": {"minimum_backoff": Duration(seconds=1)}},
        {"push_config": {"push_endpoint": "ftp://127.0.0.1/"}},
        {"filter": "what?"},
    ],
)
def test_a_configuration_that_cannot_be_had_is_refused(broker: Broker, fields: dict[str, Any]) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        broker.create_subscription(config(**fields))
    with refused(StatusCode.NOT_FOUND):
        broker.subscription(SUBSCRIPTION)


def test_a_subscription_has_the_defaults_of_the_service(broker: Broker) -> None:
    made = broker.create_subscription(config())
    assert made.ack_deadline_seconds == 10
    assert made.message_retention_duration.seconds == 600


@pytest.mark.parametrize(
    "messages",
    [[], [Message()], [message()] * 1_001, [message(b"x" * 10_000_001)]],
    ids=["none", "empty", "too many", "too big"],
)
def test_a_publish_that_breaks_a_rule_gives_nobody_anything(broker: Broker, messages: list[Any]) -> None:
    broker.create_subscription(config())
    with refused(StatusCode.INVALID_ARGUMENT):
        broker.publish(TOPIC, messages)
    assert waiting(broker) == []


def test_an_update_replaces_the_labels(broker: Broker) -> None:
    broker.create_subscription(config(ack_deadline_seconds=20, labels={"a": "b"}))
    broker.update_subscription(config(labels={"c": "d"}), ["labels"])
    found = broker.subscription(SUBSCRIPTION).config
    assert found.ack_deadline_seconds == 20
    assert dict(found.labels) == {"c": "d"}


@pytest.mark.parametrize("paths", [[], ["filter"], ["labels", "ack_deadline_seconds"]])
def test_an_update_of_another_field_is_refused_and_changes_nothing(broker: Broker, paths: list[str]) -> None:
    broker.create_subscription(config(labels={"a": "b"}))
    with refused(StatusCode.INVALID_ARGUMENT):
        broker.update_subscription(config(), paths)
    assert dict(broker.subscription(SUBSCRIPTION).config.labels) == {"a": "b"}


def test_who_waits_on_a_deleted_subscription_is_told_that_it_is_gone(broker: Broker) -> None:
    broker.create_subscription(config())
    subscription = broker.subscription(SUBSCRIPTION)
    broker.delete_subscription(SUBSCRIPTION)
    with refused(StatusCode.NOT_FOUND):
        subscription.lease(Consumer(), 1)


def test_a_new_subscription_of_an_old_name_does_not_take_the_old_ack_ids(broker: Broker) -> None:
    broker.create_subscription(config())
    broker.publish(TOPIC, [message()])
    (old,) = broker.subscription(SUBSCRIPTION).lease(Consumer(), 1)
    broker.delete_subscription(SUBSCRIPTION)
    broker.create_subscription(config())
    broker.publish(TOPIC, [message(b"new")])
    subscription = broker.subscription(SUBSCRIPTION)
    (new,) = subscription.lease(Consumer(), 1)
    subscription.acknowledge([old.ack_id])
    subscription.modify([new.ack_id], 0)
    assert waiting(broker) == [b"new"]


def test_there_is_room_for_so_many_topics_and_no_more(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "MAX_RESOURCES", 2)
    broker.create_topic(Topic(name="projects/p/topics/second"))
    with refused(StatusCode.RESOURCE_EXHAUSTED):
        broker.create_topic(Topic(name="projects/p/topics/third"))


@pytest.mark.parametrize("seconds", [0, 9, 601])
def test_a_stream_needs_an_ack_deadline_of_the_service(broker: Broker, seconds: int) -> None:
    broker.create_subscription(config())
    first = types.StreamingPullRequest.pb()(stream_ack_deadline_seconds=seconds)
    with refused(StatusCode.INVALID_ARGUMENT):
        Stream(broker.subscription(SUBSCRIPTION), first)


def test_a_pushed_message_stands_in_the_envelope_of_the_service() -> None:
    published = message("é".encode(), type="typing")
    published.message_id = "7"
    published.publish_time.FromJsonString("2026-01-02T03:04:05.678Z")
    assert envelope(SUBSCRIPTION, published) == {
        "message": {
            "attributes": {"type": "typing"},
            "data": "w6k=",
            "messageId": "7",
            "message_id": "7",
            "publishTime": "2026-01-02T03:04:05.678Z",
            "publish_time": "2026-01-02T03:04:05.678Z",
        },
        "subscription": SUBSCRIPTION,
    }


def test_the_pause_between_pushes_doubles_up_to_a_minute() -> None:
    assert [backoff(attempt) for attempt in (1, 2, 3, 1_000)] == [0.1, 0.2, 0.4, 60.0]
