"""The gRPC methods, each as a function of its request over the broker."""

from __future__ import annotations  # grpc's classes are generic in its stubs only

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from grpc.aio import ServicerContext

from infra.local.pubsub_emulator import messages as m
from infra.local.pubsub_emulator.backlog import Consumer
from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import FailedPrecondition, InvalidArgument, Refused
from infra.local.pubsub_emulator.streaming import Stream
from infra.local.pubsub_emulator.subscription import RESPONSE_MESSAGES, received

Method = Callable[[Any], Awaitable[Any]]
PULL_WAIT_SECONDS = 2.0
MAX_PAGE = 1_000
MAX_LEASE_SECONDS = 600


class Service:
    """The Publisher and Subscriber services over one broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What a gRPC server is given; methods that are not here are UNIMPLEMENTED."""
        publisher = {
            "CreateTopic": _unary(self.create_topic, m.Topic),
            "GetTopic": _unary(self.get_topic, m.GetTopicRequest),
            "ListTopics": _unary(self.list_topics, m.ListTopicsRequest),
            "ListTopicSubscriptions": _unary(self.list_topic_subscriptions, m.ListTopicSubscriptionsRequest),
            "DeleteTopic": _unary(self.delete_topic, m.DeleteTopicRequest),
            "Publish": _unary(self.publish, m.PublishRequest),
        }
        subscriber = {
            "CreateSubscription": _unary(self.create_subscription, m.Subscription),
            "GetSubscription": _unary(self.get_subscription, m.GetSubscriptionRequest),
            "ListSubscriptions": _unary(self.list_subscriptions, m.ListSubscriptionsRequest),
            "UpdateSubscription": _unary(self.update_subscription, m.UpdateSubscriptionRequest),
            "DeleteSubscription": _unary(self.delete_subscription, m.DeleteSubscriptionRequest),
            "ModifyPushConfig": _unary(self.modify_push_config, m.ModifyPushConfigRequest),
            "Pull": _unary(self.pull, m.PullRequest),
            "Acknowledge": _unary(self.acknowledge, m.AcknowledgeRequest),
            "ModifyAckDeadline": _unary(self.modify_ack_deadline, m.ModifyAckDeadlineRequest),
            "StreamingPull": grpc.stream_stream_rpc_method_handler(
                self.streaming_pull,
                request_deserializer=m.StreamingPullRequest.FromString,
                response_serializer=m.StreamingPullResponse.SerializeToString,
            ),
        }
        return (
            grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", publisher),
            grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", subscriber),
        )

    async def create_topic(self, request: Any) -> Any:
        """Topic → Topic."""
        return self._broker.create_topic(request)

    async def get_topic(self, request: Any) -> Any:
        """GetTopicRequest → Topic."""
        return self._broker.topic(request.topic)

    async def list_topics(self, request: Any) -> Any:
        """ListTopicsRequest → ListTopicsResponse."""
        page, token = _page(request, self._broker.topics(request.project), lambda topic: topic.name)
        return m.ListTopicsResponse(topics=page, next_page_token=token)

    async def list_topic_subscriptions(self, request: Any) -> Any:
        """ListTopicSubscriptionsRequest → ListTopicSubscriptionsResponse."""
        self._broker.topic(request.topic)
        names = sorted(each.config.name for each in self._broker.subscribers(request.topic))
        page, token = _page(request, names, lambda name: name)
        return m.ListTopicSubscriptionsResponse(subscriptions=page, next_page_token=token)

    async def delete_topic(self, request: Any) -> Any:
        """DeleteTopicRequest → Empty."""
        self._broker.delete_topic(request.topic)
        return m.Empty()

    async def publish(self, request: Any) -> Any:
        """PublishRequest → PublishResponse."""
        return m.PublishResponse(message_ids=self._broker.publish(request.topic, request.messages))

    async def create_subscription(self, request: Any) -> Any:
        """Subscription → Subscription."""
        return self._broker.create_subscription(request)

    async def get_subscription(self, request: Any) -> Any:
        """GetSubscriptionRequest → Subscription."""
        return self._broker.subscription(request.subscription).config

    async def list_subscriptions(self, request: Any) -> Any:
        """ListSubscriptionsRequest → ListSubscriptionsResponse."""
        configs = [each.config for each in self._broker.subscriptions(request.project)]
        page, token = _page(request, configs, lambda config: config.name)
        return m.ListSubscriptionsResponse(subscriptions=page, next_page_token=token)

    async def update_subscription(self, request: Any) -> Any:
        """UpdateSubscriptionRequest → Subscription."""
        return self._broker.update_subscription(request.subscription, list(request.update_mask.paths))

    async def modify_push_config(self, request: Any) -> Any:
        """ModifyPushConfigRequest → Empty."""
        config = m.Subscription(name=request.subscription, push_config=request.push_config)
        self._broker.update_subscription(config, ["push_config"])
        return m.Empty()

    async def delete_subscription(self, request: Any) -> Any:
        """DeleteSubscriptionRequest → Empty."""
        self._broker.delete_subscription(request.subscription)
        return m.Empty()

    async def pull(self, request: Any) -> Any:
        """PullRequest → PullResponse, at the latest after PULL_WAIT_SECONDS."""
        if request.max_messages < 1:
            raise InvalidArgument("At least one message must be asked for.")
        subscription = self._broker.subscription(request.subscription)
        if subscription.push_endpoint:
            raise FailedPrecondition("A push subscription cannot be pulled.")
        consumer = Consumer()
        async with subscription.waiter() as waiter:
            deliveries = subscription.lease(consumer, min(request.max_messages, RESPONSE_MESSAGES))
            while not deliveries and await waiter.wait(PULL_WAIT_SECONDS):
                deliveries = subscription.lease(consumer, min(request.max_messages, RESPONSE_MESSAGES))
        return m.PullResponse(received_messages=[received(each) for each in deliveries])

    async def acknowledge(self, request: Any) -> Any:
        """AcknowledgeRequest → Empty."""
        self._broker.subscription(request.subscription).acknowledge(list(request.ack_ids))
        return m.Empty()

    async def modify_ack_deadline(self, request: Any) -> Any:
        """ModifyAckDeadlineRequest → Empty."""
        if not 0 <= request.ack_deadline_seconds <= MAX_LEASE_SECONDS:
            raise InvalidArgument("The ack deadline must be 0 to 600 seconds.")
        subscription = self._broker.subscription(request.subscription)
        subscription.modify(list(request.ack_ids), request.ack_deadline_seconds)
        return m.Empty()

    async def streaming_pull(self, requests: AsyncIterator[Any], context: ServicerContext[Any, Any]) -> None:
        """StreamingPullRequest … → StreamingPullResponse …."""
        try:
            async for first in requests:
                stream = Stream(self._broker, first)
                await context.send_initial_metadata(())  # tells the client that the stream stands
                await stream.run(requests, context.write)
        except Refused as refusal:
            await context.abort(refusal.code, refusal.details)


def _unary(method: Method, request: Any) -> grpc.RpcMethodHandler[Any, Any]:
    async def handle(message: Any, context: ServicerContext[Any, Any]) -> Any:
        try:
            return await method(message)
        except Refused as refusal:
            await context.abort(refusal.code, refusal.details)

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _page(request: Any, items: Sequence[Any], name: Callable[[Any], str]) -> tuple[list[Any], str]:
    """A page of items that are sorted by name, and the token of the next: the last name."""
    rest = [item for item in items if name(item) > request.page_token]
    size = request.page_size or MAX_PAGE
    return rest[:size], name(rest[size - 1]) if len(rest) > size else ""
