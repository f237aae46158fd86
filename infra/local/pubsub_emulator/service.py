"""The gRPC methods, as a table of functions over the broker."""

from __future__ import annotations  # grpc's classes are generic in its stubs only

import inspect
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types
from grpc.aio import ServicerContext

from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import Refused, invalid
from infra.local.pubsub_emulator.streaming import Stream, received
from infra.local.pubsub_emulator.subscription import Subscription

PULL_WAIT_SECONDS = 2.0
MAX_LEASE_SECONDS = 600


def handlers(broker: Broker) -> list[grpc.GenericRpcHandler]:
    """The Publisher and Subscriber services; other methods are UNIMPLEMENTED."""
    return [
        grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", _publisher(broker)),
        grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", _subscriber(broker)),
    ]


def _publisher(broker: Broker) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    publish_response = types.PublishResponse.pb()
    return {
        "CreateTopic": _unary(types.Topic, broker.create_topic),
        "GetTopic": _unary(types.GetTopicRequest, lambda r: broker.topic(r.topic)),
        "Publish": _unary(
            types.PublishRequest, lambda r: publish_response(message_ids=broker.publish(r.topic, r.messages))
        ),
    }


def _subscriber(broker: Broker) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    list_response, at = types.ListSubscriptionsResponse.pb(), broker.subscription
    return {
        "CreateSubscription": _unary(types.Subscription, broker.create_subscription),
        "GetSubscription": _unary(types.GetSubscriptionRequest, lambda r: at(r.subscription).config),
        "ListSubscriptions": _unary(
            types.ListSubscriptionsRequest,
            lambda r: list_response(subscriptions=broker.configurations(r.project)),
        ),
        "UpdateSubscription": _unary(
            types.UpdateSubscriptionRequest,
            lambda r: broker.update_subscription(r.subscription, r.update_mask.paths),
        ),
        "DeleteSubscription": _unary(
            types.DeleteSubscriptionRequest, lambda r: broker.delete_subscription(r.subscription)
        ),
        "Pull": _unary(types.PullRequest, partial(_pull, broker)),
        "Acknowledge": _unary(types.AcknowledgeRequest, lambda r: at(r.subscription).acknowledge(r.ack_ids)),
        "ModifyAckDeadline": _unary(types.ModifyAckDeadlineRequest, partial(_modify_ack_deadline, broker)),
        "StreamingPull": grpc.stream_stream_rpc_method_handler(
            partial(_streaming_pull, broker),
            request_deserializer=types.StreamingPullRequest.pb().FromString,
            response_serializer=_serialize,
        ),
    }


def _unary(request: Any, method: Callable[[Any], Any]) -> grpc.RpcMethodHandler[Any, Any]:
    """A unary method; without a result it responds Empty."""

    async def handle(message: Any, context: ServicerContext[Any, Any]) -> Any:
        try:
            response = method(message)
            return (await response if inspect.isawaitable(response) else response) or Empty()
        except Refused as refusal:
            await context.abort(refusal.code, refusal.details)

    return grpc.unary_unary_rpc_method_handler(
        handle, request_deserializer=request.pb().FromString, response_serializer=_serialize
    )


def _serialize(response: Any) -> bytes:
    return bytes(response.SerializeToString())


def _pullable(broker: Broker, name: str) -> Subscription:
    subscription = broker.subscription(name)
    if subscription.push_endpoint:
        raise Refused(grpc.StatusCode.FAILED_PRECONDITION, "A push subscription cannot be pulled.")
    return subscription


async def _pull(broker: Broker, request: Any) -> Any:
    """Lease available messages, or wait up to PULL_WAIT_SECONDS for some."""
    if request.max_messages < 1:
        raise invalid("max_messages must be at least 1.")
    subscription = _pullable(broker, request.subscription)
    consumer = Consumer()
    deliveries = subscription.lease(consumer, request.max_messages)
    while not deliveries and await subscription.changed(PULL_WAIT_SECONDS):
        deliveries = subscription.lease(consumer, request.max_messages)
    return types.PullResponse.pb()(received_messages=received(deliveries))


def _modify_ack_deadline(broker: Broker, request: Any) -> None:
    if not 0 <= request.ack_deadline_seconds <= MAX_LEASE_SECONDS:
        raise invalid("The ack deadline must be 0 to 600 seconds.")
    subscription = broker.subscription(request.subscription)
    subscription.modify(list(request.ack_ids), request.ack_deadline_seconds)


async def _streaming_pull(
    broker: Broker, requests: AsyncIterator[Any], context: ServicerContext[Any, Any]
) -> None:
    try:
        async for first in requests:
            stream = Stream(_pullable(broker, first.subscription), first)
            await context.send_initial_metadata(())  # shows the client that the stream is open
            await stream.run(requests, context.write)
    except Refused as refusal:
        await context.abort(refusal.code, refusal.details)
