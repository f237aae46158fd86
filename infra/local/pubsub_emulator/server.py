"""The emulator as a gRPC server on one address."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio

from infra.local.pubsub_emulator.broker import Broker
from infra.local.pubsub_emulator.errors import Stopping
from infra.local.pubsub_emulator.push import Pusher
from infra.local.pubsub_emulator.service import Service

GRACE_SECONDS = 0.5
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # otherwise a second server on the port goes unnoticed
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.max_send_message_length", 16 * 1024 * 1024),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),  # clients may ping an idle connection
)


class AddressInUse(Exception):
    """The address cannot be listened on."""


@asynccontextmanager
async def serving(host: str, port: int) -> AsyncIterator[int]:
    """Serve for as long as the context lasts; gives the port, chosen by the system if it was 0.

    Raises AddressInUse if the address cannot be had.
    """
    pusher = Pusher()
    broker = Broker(changed=pusher.follow)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(Service(broker).handlers())
    _require_free(host, port)
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield bound
    finally:
        broker.end(Stopping("The emulator is stopping."))
        await pusher.close()
        await server.stop(GRACE_SECONDS)


def _require_free(host: str, port: int) -> None:
    """Raise AddressInUse if gRPC would fail to listen: it logs that at length, and vaguely."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise AddressInUse(f"cannot listen on {host}:{port}: {error.strerror}") from None
