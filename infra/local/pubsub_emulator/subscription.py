"""A subscription: its configuration, its backlog and its waiting consumers."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from google.protobuf.duration_pb2 import Duration

from infra.local.pubsub_emulator.backlog import Backlog, Consumer, Delivery
from infra.local.pubsub_emulator.errors import Refused, invalid
from infra.local.pubsub_emulator.filters import parse_filter

MAX_MESSAGES = 50_000
MAX_BYTES = 64 * 1024 * 1024
RESPONSE_MESSAGES = 500
RESPONSE_BYTES = 3_000_000
"""Below a gRPC client's default limit of 4 MB."""

DEFAULT_ACK_SECONDS = 10
ACK_SECONDS = range(10, 601)
DEFAULT_RETENTION_SECONDS = 600
RETENTION_SECONDS = range(600, 31 * 86_400 + 1)
MIN_TTL_SECONDS = 86_400
_TIMES = {"ack_deadline_seconds", "message_retention_duration", "expiration_policy"}
SUPPORTED = frozenset({"name", "topic", "labels", "filter", "push_config", *_TIMES})


class Subscription:
    """One subscription. Raises INVALID_ARGUMENT for an unsupported configuration."""

    def __init__(self, config: Any) -> None:
        self.config = _checked(config)
        self._matches = parse_filter(config.filter)
        self._backlog: Backlog[Any] = Backlog(
            retention=self.config.message_retention_duration.seconds,
            max_messages=MAX_MESSAGES,
            max_bytes=MAX_BYTES,
        )
        self._ended: Refused | None = None
        self._event = asyncio.Event()

    @property
    def push_endpoint(self) -> str:
        """The endpoint of a push subscription; "" for a pull subscription."""
        return str(self.config.push_config.push_endpoint)

    def offer(self, message: Any) -> None:
        """Store a published message if the filter matches it."""
        if self._matches(message.attributes):
            self._backlog.add(message, message.ByteSize(), time.monotonic())
            self.wake()

    def end(self, reason: Refused) -> None:
        """Reject every consumer with this reason from now on."""
        self._ended = reason
        self.wake()

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Drop the messages of these leases."""
        self._backlog.acknowledge(ack_ids)
        self.wake()

    def modify(self, ack_ids: list[str], seconds: float) -> None:
        """Set the end of these leases to `seconds` from now; 0 ends them at once."""
        self._backlog.modify(ack_ids, seconds, time.monotonic())
        self.wake()

    def lease(self, consumer: Consumer, limit: int, seconds: float | None = None) -> list[Delivery[Any]]:
        """Lease available messages, for the subscription's ack deadline unless `seconds` is given."""
        if self._ended is not None:
            raise self._ended
        return self._backlog.lease(
            consumer,
            seconds=self.config.ack_deadline_seconds if seconds is None else seconds,
            limit=min(limit, RESPONSE_MESSAGES),
            max_bytes=RESPONSE_BYTES,
            now=time.monotonic(),
        )

    def wake(self) -> None:
        """Wake every waiting consumer."""
        self._event.set()
        self._event = asyncio.Event()

    async def changed(self, seconds: float | None = None) -> bool:
        """Wait for a change or the end of a lease; False after `seconds` without.

        A consumer that does not await between `lease` and this call misses no change.
        """
        ends = self._backlog.next_end()
        until_end = None if ends is None else max(ends - time.monotonic(), 0)
        timeout = min((t for t in (seconds, until_end) if t is not None), default=None)
        try:
            async with asyncio.timeout(timeout):
                return await self._event.wait()
        except TimeoutError:
            return timeout != seconds


def _checked(config: Any) -> Any:
    """The configuration with its defaults filled in."""
    for field, _ in config.ListFields():
        if field.name not in SUPPORTED:
            raise invalid(f"This emulator does not support {field.name}.")
    if config.ack_deadline_seconds == 0:
        config.ack_deadline_seconds = DEFAULT_ACK_SECONDS
    if config.ack_deadline_seconds not in ACK_SECONDS:
        raise invalid("The ack deadline must be 10 to 600 seconds.")
    if not config.HasField("message_retention_duration"):
        config.message_retention_duration.CopyFrom(Duration(seconds=DEFAULT_RETENTION_SECONDS))
    if config.message_retention_duration.seconds not in RETENTION_SECONDS:
        raise invalid("The message retention must be 10 minutes to 31 days.")
    if config.HasField("expiration_policy") and 0 < config.expiration_policy.ttl.seconds < MIN_TTL_SECONDS:
        raise invalid("The expiration must be at least a day.")
    endpoint = config.push_config.push_endpoint
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise invalid("The push endpoint must be an http or https URL.")
    return config
