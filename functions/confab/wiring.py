"""Which adapter stands behind which port. The only module that knows them.

Each is imported and made when it is first asked for, so that an operation pays the cold start
of no part that it does not use, and connects only inside the running event loop.
"""

import asyncio
import os
import time
import uuid
from contextlib import suppress
from functools import cached_property

from confab.aio import end_all
from confab.announce import BusAnnouncer
from confab.config import Config
from confab.conversations import SystemClock
from confab.domain.cells import topic_of
from confab.domain.errors import Unavailable
from confab.domain.limits import Limits
from confab.domain.rates import Rate
from confab.ports import Announcer, Clock, Publisher, Store, Subscription, Telemetry, TokenVerifier
from confab.views import Views

CLOSE_S = 2.5
"""Seconds for giving back every connection: a platform that ends a process does not wait for long."""
_CLOSED = ("subscription", "publisher", "store", "verifier", "telemetry")


class Ports:
    """One process's adapters."""

    def __init__(self, config: Config, *, publish_pause_s: float = 0.0) -> None:
        """A process that publishes all the time does so every `publish_pause_s` seconds at most."""
        self.config = config
        self._publish_pause_s = publish_pause_s
        self.limits: Limits = config.limits
        self.clock: Clock = SystemClock()
        self.views = Views.of(config)
        self.instance = uuid.uuid4().hex
        """The id of this process, the `origin` of its events."""
        self.sends = Rate(config.messages_per_10s, 10, "messages", clock=time.monotonic)
        """How often each user may write on this instance; the key is the uid."""
        self.typing = Rate(config.typing_per_5s, 5, "typing events in a room", clock=time.monotonic)
        """How often each user may say that they type; the key is the conversation's id and the uid."""

    @cached_property
    def store(self) -> Store:
        """The log."""
        from confab.store.surreal import SurrealStore

        config = self.config
        return SurrealStore(
            config.surrealdb_url,
            namespace=config.surrealdb_namespace,
            database=config.surrealdb_database,
            user=config.surrealdb_user,
            password=config.surrealdb_password,
        )

    @cached_property
    def publisher(self) -> Publisher:
        """The sending side of the bus, on every cell's topic."""
        from confab.bus.cells import CellPublisher
        from confab.bus.pubsub import PubSubPublisher

        config = self.config

        def publisher(cell: str) -> Publisher:
            return PubSubPublisher(
                config.project,
                topic_of(cell),
                emulator_host=config.pubsub_emulator_host,
                pause_s=self._publish_pause_s,
            )

        return CellPublisher(publisher, cells=config.cells)

    @cached_property
    def subscription(self) -> Subscription:
        """The receiving side of the bus, this process's own, on its cell's topic."""
        from confab.bus.pubsub import PubSubSubscription

        return PubSubSubscription(
            self.config.project,
            topic_of(self.config.cell),
            instance=self.instance,
            emulator_host=self.config.pubsub_emulator_host,
        )

    @cached_property
    def announcer(self) -> Announcer:
        """How a function tells of what it stored."""
        return BusAnnouncer(self.publisher, origin=self.instance, cells=self.config.cells)

    @cached_property
    def verifier(self) -> TokenVerifier:
        """Who says who is who."""
        from confab.auth.firebase import FirebaseVerifier

        if self.config.auth_emulator_host is not None:  # firebase-admin knows it only from here
            os.environ["FIREBASE_AUTH_EMULATOR_HOST"] = self.config.auth_emulator_host
        return FirebaseVerifier(
            self.config.project,
            clock_skew_s=self.config.clock_skew_s,
            revocation_ttl_s=self.config.revocation_ttl_s,
        )

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
        telemetry.watch("confab.conflicts.retried", self._conflicts)
        return telemetry

    def _conflicts(self) -> int:
        store: Store | None = self.__dict__.get("store")
        return 0 if store is None else store.conflicts

    async def prepare(self, *names: str) -> None:
        """Make the adapters of these names, and connect the store meanwhile, for the requests to come.

        Their imports keep a thread busy for a good part of a second; on the loop, they would keep
        the store's handshake waiting. A publisher among them is being connected when this returns.
        What goes wrong with either connection, its first use meets again.
        """
        self._connecting = [asyncio.create_task(_checked(self.store))]
        await asyncio.to_thread(lambda: [getattr(self, name) for name in names])
        publisher: Publisher | None = self.__dict__.get("publisher")
        if publisher is not None:
            self._connecting.append(asyncio.create_task(publisher.connect()))

    async def close(self) -> None:
        """Give back the connections of the adapters that were used, within CLOSE_S."""
        used = {name: self.__dict__[name] for name in _CLOSED if name in self.__dict__}
        await end_all({name: adapter.close() for name, adapter in used.items()}, within_s=CLOSE_S)


async def _checked(store: Store) -> None:
    with suppress(Unavailable):
        await store.check()
