"""Where Pub/Sub is, and how to connect to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import google.auth
import grpc.aio
from google.api_core import grpc_helpers_async
from google.auth.credentials import Credentials
from google.pubsub_v1 import PublisherAsyncClient, PublishRequest, PublishResponse, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

GOOGLE = "pubsub.googleapis.com:443"
SCOPES = ("https://www.googleapis.com/auth/pubsub",)
_COMMON_OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # Pub/Sub answers with up to 20 MB
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection, not a shared dead one
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long a connection attempt may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
GOOGLE_OPTIONS = (*_COMMON_OPTIONS, ("grpc.keepalive_time_ms", 30_000))  # as Google's own clients
EMULATOR_OPTIONS = (
    *_COMMON_OPTIONS,
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.enable_http_proxy", 0),
)

Publish = Callable[..., Awaitable[Any]]
"""Takes a protobuf PublishRequest, and `timeout` and `metadata` by name; raises as Google's client does."""

type_of_transport = type[PublisherGrpcAsyncIOTransport] | type[SubscriberGrpcAsyncIOTransport]


class Endpoint:
    """An emulator at `host:port`, or Google with the default credentials."""

    def __init__(self, emulator_host: str | None) -> None:
        self.emulator_host = emulator_host
        self._credentials: Credentials | None = None

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[PublisherAsyncClient]:
        """A client on a connection of its own, for as long as the context lasts."""
        channel = await self._channel(PublisherGrpcAsyncIOTransport)
        try:
            yield PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        finally:
            await channel.close()

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Publish]:
        """The one call of a publisher, on a connection of its own, for as long as the context lasts.

        Bare: what Google's client does around each call costs as much as the call.
        """
        channel = await self._channel(PublisherGrpcAsyncIOTransport)
        channel.get_state(try_to_connect=True)  # now, rather than with the first call
        call = channel.unary_unary(
            "/google.pubsub.v1.Publisher/Publish",
            request_serializer=PublishRequest.pb().SerializeToString,
            response_deserializer=PublishResponse.pb().FromString,
        )
        raising_as_the_client_does: Any = grpc_helpers_async.wrap_errors
        try:
            yield raising_as_the_client_does(call)
        finally:
            await channel.close()

    @asynccontextmanager
    async def subscriber(self) -> AsyncIterator[SubscriberAsyncClient]:
        """A client on a connection of its own, for as long as the context lasts."""
        channel = await self._channel(SubscriberGrpcAsyncIOTransport)
        try:
            yield SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
        finally:
            await channel.close()

    async def _channel(self, transport: type_of_transport) -> grpc.aio.Channel:
        if self.emulator_host is not None:
            return grpc.aio.insecure_channel(self.emulator_host, options=EMULATOR_OPTIONS)
        if self._credentials is None:  # may ask the metadata server, and blocks while it does
            self._credentials, _ = await asyncio.to_thread(google.auth.default, scopes=SCOPES)
        return transport.create_channel(GOOGLE, credentials=self._credentials, options=GOOGLE_OPTIONS)
