"""The emulator as a gRPC server on one address."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio

from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import Refused
from infra.local.pubsub_emulator.push import push
from infra.local.pubsub_emulator.service import handlers
from infra.local.pubsub_emulator.subscription import Subscription

GRACE_SECONDS = 0.5
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # otherwise a second server shares the port unnoticed
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.max_send_message_length", 16 * 1024 * 1024),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),  # clients may ping an idle connection
)


@asynccontextmanager
async def serving(host: str, port: int) -> AsyncIterator[int]:
    """Serve while the context is open; yields the port, which the system chooses for 0.

    Raises OSError if it cannot bind the address; gRPC's own error would not say why.
    """
    socket.create_server((host, port)).close()
    pushes: set[asyncio.Task[None]] = set()

    def created(subscription: Subscription) -> None:
        if subscription.push_endpoint:
            pushes.add(pushing := asyncio.create_task(push(subscription)))
            pushing.add_done_callback(pushes.discard)

    broker = Broker(created)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(handlers(broker))
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield bound
    finally:
        broker.end(Refused(grpc.StatusCode.UNAVAILABLE, "The emulator is stopping."))
        await asyncio.gather(*pushes)
        await server.stop(GRACE_SECONDS)
