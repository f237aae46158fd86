"""A subscription as it runs: its configuration, its backlog, and those who wait for messages."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.duration_pb2 import Duration

from infra.local.pubsub_emulator.backlog import Backlog, Consumer, Delivery
from infra.local.pubsub_emulator.errors import InvalidArgument, NotFound, Refused
from infra.local.pubsub_emulator.filters import parse_filter
from infra.local.pubsub_emulator.messages import ReceivedMessage
from infra.local.pubsub_emulator.messages import Subscription as Config

MAX_MESSAGES = 50_000
MAX_BYTES = 64 * 1024 * 1024
RESPONSE_MESSAGES = 500
RESPONSE_BYTES = 3_000_000
"""Below the 4 MB that a gRPC client takes by default."""

DEFAULT_ACK_SECONDS = 10
ACK_SECONDS = range(10, 601)
DEFAULT_RETENTION_SECONDS = 600
RETENTION_SECONDS = range(600, 31 * 86_400 + 1)
DEFAULT_TTL_SECONDS = 31 * 86_400
MIN_TTL_SECONDS = 86_400
MUTABLE = frozenset(
    {
        "push_config",
        "ack_deadline_seconds",
        "message_retention_duration",
        "expiration_policy",
        "labels",
        "retry_policy",
    }
)
UNSUPPORTED = (
    "enable_message_ordering",
    "enable_exactly_once_delivery",
    "dead_letter_policy",
    "bigquery_config",
    "cloud_storage_config",
    "message_transforms",
)


class Subscription:
    """One subscription. Raises InvalidArgument for a configuration that cannot be had here."""

    def __init__(self, config: Any) -> None:
        self.config = _checked(config)
        self._matches = parse_filter(config.filter)
        self._backlog: Backlog[Any] = Backlog(
            retention=self.config.message_retention_duration.seconds,
            max_messages=MAX_MESSAGES,
            max_bytes=MAX_BYTES,
            tag=secrets.token_hex(4) + "-",
        )
        self._ended: Refused | None = None
        self._waiting: set[asyncio.Event] = set()
        self._last_used = time.monotonic()

    @property
    def push_endpoint(self) -> str:
        """Where messages are posted to; "" for a subscription that is pulled."""
        return str(self.config.push_config.push_endpoint)

    @property
    def expired(self) -> bool:
        """Whether nobody has used it for as long as its expiration policy allows."""
        if not self.config.HasField("expiration_policy"):
            ttl = DEFAULT_TTL_SECONDS
        else:
            ttl = self.config.expiration_policy.ttl.seconds  # 0: never
        return bool(ttl and not self._waiting and time.monotonic() - self._last_used > ttl)

    def update(self, wanted: Any, paths: list[str]) -> None:
        """Take over these fields of `wanted`; InvalidArgument for those that are fixed."""
        if not paths or not MUTABLE.issuperset(paths):
            raise InvalidArgument(f"Only these fields can be updated: {', '.join(sorted(MUTABLE))}.")
        config = Config()
        config.CopyFrom(self.config)
        for path in paths:
            config.ClearField(path)
        update = Config()
        update.CopyFrom(wanted)
        for field in update.DESCRIPTOR.fields:
            if field.name not in paths:
                update.ClearField(field.name)
        config.MergeFrom(update)
        self.config = _checked(config)
        self._backlog.retention = self.config.message_retention_duration.seconds
        self.wake()

    def offer(self, message: Any) -> None:
        """Take in a published message if the filter lets it through."""
        if self._matches(message.attributes):
            self._backlog.add(message, message.ByteSize(), time.monotonic())
            self.wake()

    def end(self, reason: Refused) -> None:
        """Everyone who waits here is refused for this reason from now on."""
        self._ended = reason
        self.wake()

    def wake(self) -> None:
        """Let everyone who waits look again."""
        for event in self._waiting:
            event.set()

    def acknowledge(self, ack_ids: list[str]) -> None:
        """Forget what was delivered under these ids."""
        self._backlog.acknowledge(ack_ids)
        self._used()

    def modify(self, ack_ids: list[str], seconds: float) -> None:
        """Let the leases end `seconds` from now, at once with 0."""
        self._backlog.modify(ack_ids, seconds, time.monotonic())
        self._used()

    def lease(self, consumer: Consumer, limit: int, seconds: float | None = None) -> list[Delivery[Any]]:
        """What may be handed out now; for the subscription's ack deadline if not told otherwise."""
        if self._ended is not None:
            raise self._ended
        return self._backlog.lease(
            consumer,
            seconds=self.config.ack_deadline_seconds if seconds is None else seconds,
            limit=min(limit, RESPONSE_MESSAGES),
            max_bytes=RESPONSE_BYTES,
            now=time.monotonic(),
        )

    @asynccontextmanager
    async def waiter(self) -> AsyncIterator["Waiter"]:
        """For as long as the context lasts, whatever happens here wakes the waiter."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield Waiter(self._backlog, event)
        finally:
            self._waiting.discard(event)
            self._last_used = time.monotonic()

    def _used(self) -> None:
        self._last_used = time.monotonic()
        self.wake()


class Waiter:
    """Waits until a subscription may have something to hand out."""

    def __init__(self, backlog: Backlog[Any], event: asyncio.Event) -> None:
        self._backlog = backlog
        self._event = event

    async def wait(self, seconds: float | None = None) -> bool:
        """Return when something happened or a lease ended; False after `seconds` without."""
        ends = self._backlog.next_end()
        until_end = None if ends is None else max(ends - time.monotonic(), 0)
        timeout = min((t for t in (seconds, until_end) if t is not None), default=None)
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return timeout != seconds
        self._event.clear()
        return True


def received(delivery: Delivery[Any]) -> Any:
    """The delivery as pull and streaming pull answer it."""
    return ReceivedMessage(ack_id=delivery.ack_id, message=delivery.message)


def gone(name: str) -> NotFound:
    """The refusal that the service words like this."""
    return NotFound(f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")


def _checked(config: Any) -> Any:
    """The configuration with its defaults filled in."""
    unsupported = [name for name, _ in config.ListFields() if name.name in UNSUPPORTED]
    if unsupported:
        raise InvalidArgument(f"This emulator does not support {unsupported[0].name}.")
    if config.ack_deadline_seconds == 0:
        config.ack_deadline_seconds = DEFAULT_ACK_SECONDS
    if config.ack_deadline_seconds not in ACK_SECONDS:
        raise InvalidArgument("The ack deadline must be 10 to 600 seconds.")
    if not config.HasField("message_retention_duration"):
        config.message_retention_duration.CopyFrom(Duration(seconds=DEFAULT_RETENTION_SECONDS))
    if config.message_retention_duration.seconds not in RETENTION_SECONDS:
        raise InvalidArgument("The message retention must be 10 minutes to 31 days.")
    if config.HasField("expiration_policy") and 0 < config.expiration_policy.ttl.seconds < MIN_TTL_SECONDS:
        raise InvalidArgument("The expiration must be at least a day.")
    endpoint = config.push_config.push_endpoint
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise InvalidArgument("The push endpoint must be an http or https URL.")
    return config
