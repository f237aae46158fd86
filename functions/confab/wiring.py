"""Builds the adapters of the ports, and is the only module that imports them.

Each is imported and built on first use: a function's cold start pays for no adapter that it does not
use, and connections open inside the running event loop.
"""

import asyncio
import logging
import uuid
from contextlib import suppress
from functools import cached_property
from typing import Protocol, TypeVar

from confab.aio import end_all
from confab.config import Config
from confab.conversations import Conversations
from confab.domain.cells import topic_of
from confab.domain.errors import Unavailable
from confab.domain.models import Principal, current_time
from confab.fanout.announce import InlineAnnouncer
from confab.fanout.publishers import CellPublisher, CircuitBreaker
from confab.ports.bus import Announcer, Publisher, Subscription
from confab.ports.identity import AppVerifier, TokenVerifier
from confab.ports.store import Store
from confab.ports.telemetry import Telemetry
from confab.views import Views

log = logging.getLogger(__name__)

PUBLISH_PAUSE_S = 0.02
"""Seconds between two batches of one topic: the most that a busy container delays an event."""
CLOSE_S = 2.5
"""Seconds for closing every connection, well within Cloud Run's 10 s after SIGTERM."""


class _Closable(Protocol):
    async def close(self) -> None: ...


A = TypeVar("A", bound=_Closable)


class Adapters:
    """One process's adapters, and the use cases over them."""

    def __init__(self, config: Config, *, background: bool = False) -> None:
        """A `background` process publishes in batches; others publish while a client waits."""
        self.config = config
        self.clock = current_time
        self.views = Views(config)
        self.instance = uuid.uuid4().hex
        """The id of this process, the `origin` of its events."""
        self._background = background
        self._opened: dict[str, _Closable] = {}
        self._connecting: list[asyncio.Task[None]] = []
        self._requires_apps = config.app_check == "required"
        if self._requires_apps and config.auth_emulator_host is not None:
            log.warning("CONFAB_APP_CHECK is required, but App Check has no emulator: only agents are served")

    @cached_property
    def conversations(self) -> Conversations:
        """The use cases of a function."""
        return self.conversations_announced_by(self.announcer)

    def conversations_announced_by(self, announcer: Announcer) -> Conversations:
        """The use cases with this announcer."""
        return Conversations(
            self.store,
            announcer,
            limits=self.config,
            cells=self.config.open_cells,
            locate=self.views.locate,
            clock=self.clock,
        )

    @cached_property
    def store(self) -> Store:
        """The log."""
        from confab.store.session import Account
        from confab.store.surreal import SurrealStore

        return self._open("store", SurrealStore(Account.of(self.config)))

    @cached_property
    def publisher(self) -> Publisher:
        """The sending side of the bus, on every cell's topic."""
        return self._open("publisher", CellPublisher(self._topic_publisher, cells=self.config.cells))

    def _topic_publisher(self, cell: str) -> Publisher:
        from confab.bus.publisher import PubSubPublisher

        publisher = PubSubPublisher(
            self.config.project,
            topic_of(cell),
            emulator_host=self.config.pubsub_emulator_host,
            pause_s=PUBLISH_PAUSE_S if self._background else 0.0,
        )
        return publisher if self._background else CircuitBreaker(publisher)

    @cached_property
    def subscription(self) -> Subscription:
        """The receiving side of the bus, this process's own, on its cell's topic."""
        from confab.bus.subscription import PubSubSubscription

        subscription = PubSubSubscription(
            self.config.project,
            topic_of(self.config.cell),
            instance=self.instance,
            emulator_host=self.config.pubsub_emulator_host,
        )
        return self._open("subscription", subscription)

    @cached_property
    def announcer(self) -> Announcer:
        """How a function announces what it stored."""
        return InlineAnnouncer(self.publisher, origin=self.instance)

    @cached_property
    def verifier(self) -> TokenVerifier:
        """Identifies callers."""
        from confab.auth.firebase import FirebaseVerifier

        verifier = FirebaseVerifier(
            self.config.project,
            emulator_host=self.config.auth_emulator_host,
            clock_skew_s=self.config.clock_skew_s,
            revocation_ttl_s=self.config.revocation_ttl_s,
            revocation_grace_s=self.config.revocation_grace_s,
            require_verified_email=self.config.require_verified_email,
        )
        return self._open("verifier", verifier)

    @cached_property
    def app_verifier(self) -> AppVerifier:
        """Recognizes the project's apps."""
        from confab.auth.app_check import FirebaseAppCheck

        return self._open("app verifier", FirebaseAppCheck(self.config.project))

    async def require_app(self, caller: Principal, app_check_token: str | None) -> None:
        """Verify the app that a user calls with, where that is required; raises as the verifier does."""
        if self._requires_apps and not caller.agent:
            await self.app_verifier.verify(app_check_token)

    @cached_property
    def telemetry(self) -> Telemetry:
        """What operators see of this process."""
        if self.config.telemetry_endpoint is None:
            from confab.telemetry.logs import LogTelemetry

            return LogTelemetry()
        from confab.telemetry.otlp import exporting

        telemetry = exporting(
            self.config.telemetry_endpoint, service=self.config.service, instance=self.instance
        )
        store = self.store
        telemetry.watch("confab.conflicts.retried", lambda: store.conflicts)
        return self._open("telemetry", telemetry)

    async def prepare(self, *, announces: bool) -> None:
        """Import what a function's requests need, and begin to connect.

        The imports take a good part of a second, in two threads: aiohttp, which SurrealDB's client
        imports, loads the system's certificates twice without holding the interpreter's lock. On the
        event loop they would delay the store's handshake. Connecting continues afterwards; the first
        query, or the first event, reports its failure.
        """
        async with asyncio.TaskGroup() as imports:
            imports.create_task(asyncio.to_thread(self._import, announces=announces))
            await asyncio.to_thread(_import_store)
            self._connecting.append(asyncio.create_task(_checked(self.store)))
        if announces:
            self._connecting.append(asyncio.create_task(self.publisher.connect()))

    def _import(self, *, announces: bool) -> object:
        """Make the verifiers and telemetry; import Pub/Sub for a function that `announces`."""
        if announces:
            import confab.bus.publisher  # noqa: F401 - CellPublisher makes its publishers on the event loop
        return self.verifier, self.telemetry, self._requires_apps and self.app_verifier

    def _open(self, name: str, adapter: A) -> A:
        self._opened[name] = adapter
        return adapter

    async def close(self) -> None:
        """Close the adapters that were made, within CLOSE_S."""
        await end_all({name: adapter.close() for name, adapter in self._opened.items()}, within_s=CLOSE_S)


def _import_store() -> None:
    import confab.store.surreal  # noqa: F401 - the store is made on the event loop


async def _checked(store: Store) -> None:
    with suppress(Unavailable):
        await store.check()
