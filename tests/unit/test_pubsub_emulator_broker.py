import time
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from infra.local.pubsub_emulator import broker as broker_module
from infra.local.pubsub_emulator import messages as m
from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Refused,
    ResourceExhausted,
)
from infra.local.pubsub_emulator.push import backoff, envelope
from infra.local.pubsub_emulator.streaming import Stream

TOPIC = "projects/p/topics/events"
SUBSCRIPTION = "projects/p/subscriptions/one"


def config(name: str = SUBSCRIPTION, **fields: Any) -> Any:
    return m.Subscription(**{"name": name, "topic": TOPIC, **fields})


def message(data: bytes = b"x", **attributes: str) -> Any:
    return m.PubsubMessage(data=data, attributes=attributes)


@pytest.fixture
def broker() -> Broker:
    made = Broker()
    made.create_topic(m.Topic(name=TOPIC))
    return made


def waiting(broker: Broker, name: str = SUBSCRIPTION) -> list[bytes]:
    deliveries = broker.subscription(name).lease(Consumer(), 100)
    return [delivery.message.data for delivery in deliveries]


def test_a_message_goes_to_each_subscription_of_its_topic_that_was_there(broker: Broker) -> None:
    broker.create_topic(m.Topic(name="projects/p/topics/other"))
    broker.publish(TOPIC, [message(b"too early")])
    broker.create_subscription(config())
    broker.create_subscription(config("projects/p/subscriptions/two"))
    broker.create_subscription(config("projects/p/subscriptions/other", topic="projects/p/topics/other"))
    ids = broker.publish(TOPIC, [message(b"a"), message(b"b")])
    assert len(set(ids)) == 2
    assert waiting(broker) == waiting(broker, "projects/p/subscriptions/two") == [b"a", b"b"]
    assert waiting(broker, "projects/p/subscriptions/other") == []


def test_a_filter_chooses_by_attributes(broker: Broker) -> None:
    broker.create_subscription(config(filter='attributes.type = "typing"'))
    broker.publish(TOPIC, [message(b"a", type="typing"), message(b"b", type="other"), message(b"c")])
    assert waiting(broker) == [b"a"]


def test_what_is_not_there_is_not_found(broker: Broker) -> None:
    missing = "projects/p/topics/missing"
    for call in (
        lambda: broker.topic(missing),
        lambda: broker.delete_topic(missing),
        lambda: broker.publish(missing, [message()]),
        lambda: broker.subscription(SUBSCRIPTION),
        lambda: broker.delete_subscription(SUBSCRIPTION),
        lambda: broker.create_subscription(config(topic=missing)),
        lambda: broker.update_subscription(config(), ["labels"]),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_name_that_is_taken_already_exists(broker: Broker) -> None:
    broker.create_subscription(config())
    with pytest.raises(AlreadyExists):
        broker.create_topic(m.Topic(name=TOPIC))
    with pytest.raises(AlreadyExists):
        broker.create_subscription(config())


@pytest.mark.parametrize(
    "name", ["", "events", "projects/p/topics/x", "projects/p/topics/googles", "projects/p/topics/a b"]
)
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        Broker().create_topic(m.Topic(name=name))


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
        {"push_config": {"push_endpoint": "ftp://127.0.0.1/"}},
        {"filter": "what?"},
    ],
)
def test_a_configuration_that_cannot_be_had_is_refused(broker: Broker, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        broker.create_subscription(config(**fields))
    with pytest.raises(NotFound):
        broker.subscription(SUBSCRIPTION)


def test_a_subscription_has_the_defaults_of_the_service(broker: Broker) -> None:
    made = broker.create_subscription(config())
    assert made.ack_deadline_seconds == 10
    assert made.message_retention_duration.seconds == 600


@pytest.mark.parametrize(
    "messages",
    [[], [m.PubsubMessage()], [message()] * 1_001, [message(b"x" * 10_000_001)]],
    ids=["none", "empty", "too many", "too big"],
)
def test_a_publish_that_breaks_a_rule_gives_nobody_anything(broker: Broker, messages: list[Any]) -> None:
    broker.create_subscription(config())
    with pytest.raises(InvalidArgument):
        broker.publish(TOPIC, messages)
    assert waiting(broker) == []


def test_an_update_changes_the_named_fields_alone(broker: Broker) -> None:
    broker.create_subscription(config(ack_deadline_seconds=20, labels={"a": "b"}))
    broker.update_subscription(config(ack_deadline_seconds=30), ["ack_deadline_seconds"])
    found = broker.subscription(SUBSCRIPTION).config
    assert found.ack_deadline_seconds == 30
    assert dict(found.labels) == {"a": "b"}


@pytest.mark.parametrize("paths", [[], ["filter"], ["topic"], ["labels", "name"]])
def test_an_update_of_a_fixed_field_is_refused(broker: Broker, paths: list[str]) -> None:
    broker.create_subscription(config())
    with pytest.raises(InvalidArgument):
        broker.update_subscription(config(), paths)


def test_a_refused_update_changes_nothing(broker: Broker) -> None:
    broker.create_subscription(config())
    with pytest.raises(InvalidArgument):
        broker.update_subscription(config(ack_deadline_seconds=5), ["ack_deadline_seconds"])
    assert broker.subscription(SUBSCRIPTION).config.ack_deadline_seconds == 10


def test_a_subscription_outlives_its_topic_without_hearing_of_a_new_one(broker: Broker) -> None:
    broker.create_subscription(config())
    broker.publish(TOPIC, [message(b"before")])
    broker.delete_topic(TOPIC)
    broker.create_topic(m.Topic(name=TOPIC))
    broker.publish(TOPIC, [message(b"after")])
    assert broker.subscription(SUBSCRIPTION).config.topic == "_deleted-topic_"
    assert waiting(broker) == [b"before"]


def test_who_waits_on_a_deleted_subscription_is_told_that_it_is_gone(broker: Broker) -> None:
    broker.create_subscription(config())
    subscription = broker.subscription(SUBSCRIPTION)
    broker.delete_subscription(SUBSCRIPTION)
    with pytest.raises(NotFound):
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


def test_a_subscription_that_nobody_uses_is_dropped_when_the_next_is_made(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.create_subscription(config(expiration_policy={"ttl": Duration(seconds=86_400)}))
    broker.create_subscription(config("projects/p/subscriptions/month"))
    broker.create_subscription(config("projects/p/subscriptions/ever", expiration_policy={}))
    day_later = time.monotonic() + 86_401
    monkeypatch.setattr("infra.local.pubsub_emulator.subscription.time.monotonic", lambda: day_later)
    broker.create_subscription(config("projects/p/subscriptions/new"))
    left = [each.config.name.rsplit("/", 1)[1] for each in broker.subscriptions("projects/p")]
    assert left == ["ever", "month", "new"]


def test_there_is_room_for_so_many_topics_and_no_more(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "MAX_RESOURCES", 2)
    broker.create_topic(m.Topic(name="projects/p/topics/second"))
    with pytest.raises(ResourceExhausted):
        broker.create_topic(m.Topic(name="projects/p/topics/third"))


@pytest.mark.parametrize(
    ("first", "refusal"),
    [
        ({}, InvalidArgument),
        ({"subscription": SUBSCRIPTION}, InvalidArgument),
        ({"subscription": SUBSCRIPTION, "stream_ack_deadline_seconds": 601}, InvalidArgument),
        (
            {"subscription": "projects/p/subscriptions/none", "stream_ack_deadline_seconds": 10},
            NotFound,
        ),
        (
            {"subscription": "projects/p/subscriptions/push", "stream_ack_deadline_seconds": 10},
            FailedPrecondition,
        ),
    ],
)
def test_a_stream_that_begins_wrong_is_refused(
    broker: Broker, first: dict[str, Any], refusal: type[Refused]
) -> None:
    broker.create_subscription(config())
    broker.create_subscription(
        config("projects/p/subscriptions/push", push_config={"push_endpoint": "http://127.0.0.1/"})
    )
    with pytest.raises(refusal):
        Stream(broker, m.StreamingPullRequest(**first))


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
