"""Clients of Pub/Sub: its address, its connections, and which of its failures are transient."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import google.auth
import grpc.aio
from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient, Topic
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
ORIGIN = "origin"
"""The attribute of an entry's event that names the process which published it: it needs no copy."""


class StreamEnded(Exception):
    """The server has ended a stream without an error."""


FAILURES = (exceptions.GoogleAPICallError, GoogleAuthError, TimeoutError, StreamEnded)
"""Everything that a call of Pub/Sub raises."""
_TRANSIENT = (
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
    TimeoutError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed a moment later."""
    return isinstance(error, _TRANSIENT) or (isinstance(error, GoogleAuthError) and error.retryable)


class Endpoint:
    """An emulator at `host:port`, or Google with the default credentials; one connection a client."""

    def __init__(self, emulator_host: str | None) -> None:
        self.emulator_host = emulator_host
        self._credentials: Credentials | None = None

    @asynccontextmanager
    async def publisher(self, *, connect: bool = False) -> AsyncIterator[PublisherAsyncClient]:
        """A client of the sending side; `connect` opens the connection before the first call."""
        channel = await self._channel(PublisherGrpcAsyncIOTransport)
        channel.get_state(try_to_connect=connect)
        async with PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel)) as client:
            yield client

    @asynccontextmanager
    async def subscriber(self) -> AsyncIterator[SubscriberAsyncClient]:
        """A client of the receiving side."""
        channel = await self._channel(SubscriberGrpcAsyncIOTransport)
        async with SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel)) as client:
            yield client

    async def on_topic(self, topic: str, call: Callable[[], Awaitable[object]], *, timeout: float) -> None:
        """Make a call that needs the topic; if an emulator lacks it, create it and make the call again."""
        try:
            await call()
        except exceptions.NotFound:
            if self.emulator_host is None:  # with Google, topics are infrastructure
                raise
            await self.create_topic(topic, timeout=timeout)
            await call()

    async def create_topic(self, topic: str, *, timeout: float) -> None:
        """Create a topic on an emulator, unless it exists."""
        with suppress(exceptions.AlreadyExists):
            async with self.publisher() as client:
                await client.create_topic(Topic(name=topic), retry=None, timeout=timeout)

    async def _channel(
        self, transport: type[PublisherGrpcAsyncIOTransport] | type[SubscriberGrpcAsyncIOTransport]
    ) -> grpc.aio.Channel:
        if self.emulator_host is not None:
            return grpc.aio.insecure_channel(self.emulator_host, options=EMULATOR_OPTIONS)
        if self._credentials is None:  # may ask the metadata server, and blocks while it does
            self._credentials, _ = await asyncio.to_thread(google.auth.default, scopes=SCOPES)
        return transport.create_channel(GOOGLE, credentials=self._credentials, options=GOOGLE_OPTIONS)
