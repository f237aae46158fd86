from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types
from grpc import StatusCode

from infra.local.pubsub_emulator import broker as broker_module
from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import Refused
from infra.local.pubsub_emulator.filters import parse_filter
from infra.local.pubsub_emulator.push import backoff, envelope
from infra.local.pubsub_emulator.streaming import Stream

TOPIC, MISSING = "projects/p/topics/events", "projects/p/topics/missing"
SUBSCRIPTION, OTHER = "projects/p/subscriptions/one", "projects/p/subscriptions/two"
Topic = types.Topic.pb()
Message = types.PubsubMessage.pb()
MAX_RESOURCES = 3


def config(name: str = SUBSCRIPTION, **fields: Any) -> Any:
    return types.Subscription.pb()(**{"name": name, "topic": TOPIC, **fields})


def message(data: bytes = b"x", **attributes: str) -> Any:
    return Message(data=data, attributes=attributes)


def waiting(broker: Broker, name: str = SUBSCRIPTION) -> list[bytes]:
    deliveries = broker.subscription(name).lease(Consumer(), 100)
    return [delivery.message.data for delivery in deliveries]


@pytest.fixture
def broker(monkeypatch):
    """A broker with a topic and one subscription of it."""
    monkeypatch.setattr(broker_module, "MAX_RESOURCES", MAX_RESOURCES)
    made = Broker()
    made.create_topic(Topic(name=TOPIC))
    made.create_subscription(config(ack_deadline_seconds=20, labels={"a": "b"}))
    return made


def test_a_message_reaches_each_earlier_subscription_of_its_topic(broker):
    other_topic, other = "projects/p/topics/other", "projects/p/subscriptions/other"
    broker.create_topic(Topic(name=other_topic))
    broker.publish(TOPIC, [message(b"early")])
    broker.create_subscription(config(OTHER))
    broker.create_subscription(config(other, topic=other_topic))
    ids = broker.publish(TOPIC, [message(b"a"), message(b"b")])
    assert len(set(ids)) == 2
    assert [waiting(broker, name) for name in (SUBSCRIPTION, OTHER, other)] == [
        [b"early", b"a", b"b"],
        [b"a", b"b"],
        [],
    ]


def fill(broker: Broker) -> None:
    for number in range(MAX_RESOURCES):
        broker.create_topic(Topic(name=f"projects/p/topics/number-{number}"))


def stream(broker: Broker, seconds: int) -> Stream:
    first = types.StreamingPullRequest.pb()(stream_ack_deadline_seconds=seconds)
    return Stream(broker.subscription(SUBSCRIPTION), first)


BAD_NAMES = ("", "events", SUBSCRIPTION, "projects/p/topics/googles", "projects/p/topics/a b")
BAD_CONFIGURATIONS: tuple[dict[str, Any], ...] = (
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
)
BAD_PUBLISHES: tuple[list[Any], ...] = (
    [],
    [Message()],
    [message()] * 1_001,
    [message(b"x" * 10_000_001)],
)
Refusal = tuple[StatusCode, Callable[..., object], *tuple[Any, ...]]
REFUSALS: list[Refusal] = [
    (StatusCode.NOT_FOUND, Broker.topic, MISSING),
    (StatusCode.NOT_FOUND, Broker.publish, MISSING, [message()]),
    (StatusCode.NOT_FOUND, Broker.subscription, OTHER),
    (StatusCode.NOT_FOUND, Broker.delete_subscription, OTHER),
    (StatusCode.NOT_FOUND, Broker.create_subscription, config(OTHER, topic=MISSING)),
    (StatusCode.NOT_FOUND, Broker.update_subscription, config(OTHER), ["labels"]),
    (StatusCode.ALREADY_EXISTS, Broker.create_topic, Topic(name=TOPIC)),
    (StatusCode.ALREADY_EXISTS, Broker.create_subscription, config()),
    (StatusCode.RESOURCE_EXHAUSTED, fill),
    *((StatusCode.INVALID_ARGUMENT, Broker.create_topic, Topic(name=name)) for name in BAD_NAMES),
    *(
        (StatusCode.INVALID_ARGUMENT, Broker.create_subscription, config(OTHER, **fields))
        for fields in BAD_CONFIGURATIONS
    ),
    *((StatusCode.INVALID_ARGUMENT, Broker.publish, TOPIC, messages) for messages in BAD_PUBLISHES),
    *(
        (StatusCode.INVALID_ARGUMENT, Broker.update_subscription, config(), paths)
        for paths in ([], ["filter"], ["labels", "ack_deadline_seconds"])
    ),
    *((StatusCode.INVALID_ARGUMENT, stream, seconds) for seconds in (0, 9, 601)),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal[0].name)
def test_what_the_service_refuses_is_refused_and_changes_nothing(broker, refusal):
    code, call, *arguments = refusal
    before = deepcopy(broker.configurations("projects/p"))
    with pytest.raises(Refused) as refused:
        call(broker, *arguments)
    assert refused.value.code is code
    assert broker.configurations("projects/p") == before
    assert waiting(broker) == []


def test_a_subscription_has_the_defaults_of_the_service(broker):
    made = broker.create_subscription(config(OTHER))
    assert (made.ack_deadline_seconds, made.message_retention_duration.seconds) == (10, 600)


def test_an_update_replaces_the_labels(broker):
    broker.update_subscription(config(labels={"c": "d"}), ["labels"])
    found = broker.subscription(SUBSCRIPTION).config
    assert (found.ack_deadline_seconds, dict(found.labels)) == (20, {"c": "d"})


def test_a_deleted_subscription_ends_its_consumers_and_a_new_one_ignores_its_ack_ids(broker):
    deleted = broker.subscription(SUBSCRIPTION)
    broker.publish(TOPIC, [message()])
    (old,) = deleted.lease(Consumer(), 1)
    broker.delete_subscription(SUBSCRIPTION)
    with pytest.raises(Refused) as refusal:
        deleted.lease(Consumer(), 1)
    assert refusal.value.code is StatusCode.NOT_FOUND
    broker.create_subscription(config())
    broker.publish(TOPIC, [message(b"new")])
    subscription = broker.subscription(SUBSCRIPTION)
    (new,) = subscription.lease(Consumer(), 1)
    subscription.acknowledge([old.ack_id])
    subscription.modify([new.ack_id], 0)
    assert waiting(broker) == [b"new"]


def test_a_pushed_message_has_the_envelope_of_the_service():
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


def test_the_pause_between_pushes_doubles_up_to_a_minute():
    assert [backoff(attempt) for attempt in (1, 2, 3, 1_000)] == [0.1, 0.2, 0.4, 60.0]


MATCHES = {
    "": True,
    'attributes.type = "typing"': True,
    'attributes.type = "other"': False,
    'attributes.absent = ""': False,
    'NOT attributes.origin = "i2"': True,
    'NOT attributes.absent = ""': True,
    'NOT attributes.origin = "i1"': False,
}


@pytest.mark.parametrize("text", MATCHES)
def test_a_filter_compares_one_attribute(text):
    assert parse_filter(text)({"type": "typing", "origin": "i1"}) is MATCHES[text]


@pytest.mark.parametrize(
    "text",
    [
        "what?",
        "attributes:type",
        'attributes.type != "typing"',
        'attributes.type = "a" AND attributes.origin = "b"',
        'attributes.type = "a\\"b"',
        'NOT NOT attributes.type = "a"',
        'attributes.type = "typing',
        f'attributes.type = "{"é" * 120}"',
    ],
)
def test_any_other_filter_is_an_invalid_argument(text):
    with pytest.raises(Refused) as refused:
        parse_filter(text)
    assert refused.value.code is StatusCode.INVALID_ARGUMENT
