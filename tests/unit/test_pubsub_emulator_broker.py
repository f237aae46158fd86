"""What the Pub/Sub emulator refuses, as the service does; `tests/contract/test_bus.py` has what it sends."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types
from grpc import StatusCode

from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import Refused
from infra.local.pubsub_emulator.filters import parse_filter
from infra.local.pubsub_emulator.push import backoff, envelope
from infra.local.pubsub_emulator.streaming import Stream

TOPIC, MISSING = "projects/p/topics/events", "projects/p/topics/missing"
SUBSCRIPTION, OTHER = "projects/p/subscriptions/one", "projects/p/subscriptions/another"
Message = types.PubsubMessage.pb()


def create_topic(broker: Broker, name: str) -> None:
    broker.create_topic(types.Topic.pb()(name=name))


def subscribe(broker: Broker, fields: dict[str, Any]) -> None:
    broker.create_subscription(types.Subscription.pb()(**{"name": OTHER, "topic": TOPIC, **fields}))


def update(broker: Broker, paths: list[str]) -> None:
    broker.update_subscription(types.Subscription.pb()(name=SUBSCRIPTION), paths)


def publish(broker: Broker, messages: list[Any]) -> None:
    broker.publish(TOPIC, messages)


def stream(broker: Broker, seconds: int) -> None:
    first = types.StreamingPullRequest.pb()(stream_ack_deadline_seconds=seconds)
    Stream(broker.subscription(SUBSCRIPTION), first)


@pytest.fixture
def broker():
    """A broker with a topic and one subscription of it."""
    made = Broker()
    create_topic(made, TOPIC)
    subscribe(made, {"name": SUBSCRIPTION})
    return made


NAMES = ("", "events", SUBSCRIPTION, "projects/p/topics/googles", "projects/p/topics/a b")
CONFIGURATIONS: tuple[dict[str, Any], ...] = (
    {"ack_deadline_seconds": 9},
    {"ack_deadline_seconds": 601},
    {"message_retention_duration": Duration(seconds=599)},
    {"expiration_policy": {"ttl": Duration(seconds=3600)}},
    {"enable_message_ordering": True},
    {"enable_exactly_once_delivery": True},
    {"dead_letter_policy": {"max_delivery_attempts": 5}},
    {"retry_policy": {"minimum_backoff": Duration(seconds=1)}},
    {"push_config": {"push_endpoint": "ftp://127.0.0.1/"}},
    {"filter": "attributes:type"},
    {"filter": 'attributes.type != "typing"'},
    {"filter": 'attributes.type = "a" AND attributes.origin = "b"'},
    {"filter": 'attributes.type = "a\\"b"'},
    {"filter": 'NOT NOT attributes.type = "a"'},
    {"filter": f'attributes.type = "{"é" * 120}"'},
)
PUBLISHED: tuple[list[Any], ...] = (
    [],
    [Message()],
    [Message(data=b"x")] * 1_001,
    [Message(data=b"x" * 10_000_001)],
)
INVALID: list[tuple[Callable[[Broker, Any], object], Any]] = [
    *((create_topic, name) for name in NAMES),
    *((subscribe, fields) for fields in CONFIGURATIONS),
    *((update, paths) for paths in ([], ["filter"], ["labels", "ack_deadline_seconds"])),
    *((publish, messages) for messages in PUBLISHED),
    *((stream, seconds) for seconds in (0, 9, 601)),
]
REFUSED = [
    *((StatusCode.INVALID_ARGUMENT, call, argument) for call, argument in INVALID),
    (StatusCode.NOT_FOUND, Broker.topic, MISSING),
    (StatusCode.NOT_FOUND, Broker.subscription, OTHER),
    (StatusCode.NOT_FOUND, Broker.delete_subscription, OTHER),
    (StatusCode.NOT_FOUND, subscribe, {"topic": MISSING}),
    (StatusCode.ALREADY_EXISTS, create_topic, TOPIC),
    (StatusCode.ALREADY_EXISTS, subscribe, {"name": SUBSCRIPTION}),
]


@pytest.mark.parametrize(("code", "call", "argument"), REFUSED)
def test_a_refusal_has_the_code_of_the_service_and_changes_nothing(broker, code, call, argument):
    with pytest.raises(Refused) as refused:
        call(broker, argument)
    assert refused.value.code is code
    assert [each.name for each in broker.configurations("projects/p")] == [SUBSCRIPTION]


def test_a_deleted_subscription_ends_its_consumers(broker):
    deleted = broker.subscription(SUBSCRIPTION)
    broker.delete_subscription(SUBSCRIPTION)
    with pytest.raises(Refused) as refused:
        deleted.lease(Consumer(), 1)
    assert refused.value.code is StatusCode.NOT_FOUND


def test_a_pushed_message_has_the_envelope_of_the_service():
    published = Message(data="é".encode(), attributes={"type": "typing"}, message_id="7")
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


def test_a_filter_compares_one_attribute():
    one, other = {"type": "typing"}, {"type": "other"}
    found = [
        [parse_filter(text)(attributes) for attributes in (one, other, {})]
        for text in ("", 'attributes.type = "typing"', 'NOT attributes.type = "typing"')
    ]
    assert found == [[True] * 3, [True, False, False], [False, True, True]]
