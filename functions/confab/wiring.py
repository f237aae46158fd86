"""Which adapter stands behind which port. The only module that knows them.

Each is imported and made when it is first asked for, so that an operation pays the cold start
of no part that it does not use, and connects only inside the running event loop.
"""

import os
import uuid
from contextlib import AsyncExitStack
from functools import cached_property

from confab.announce import BusAnnouncer
from confab.config import TOPIC, Config
from confab.conversations import SystemClock
from confab.domain.limits import Limits
from confab.ports import Announcer, Clock, Publisher, Store, Subscription, TokenVerifier
from confab.views import Views


class Ports:
    """One process's adapters."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.limits: Limits = config.limits
        self.clock: Clock = SystemClock()
        self.views = Views(config.realtime_urls)
        self.instance = uuid.uuid4().hex
        """The id of this process, the `origin` of its events."""

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
        """The sending side of the bus."""
        from confab.bus.pubsub import PubSubPublisher

        return PubSubPublisher(self.config.project, TOPIC, emulator_host=self.config.pubsub_emulator_host)

    @cached_property
    def subscription(self) -> Subscription:
        """The receiving side of the bus, this process's own."""
        from confab.bus.pubsub import PubSubSubscription

        return PubSubSubscription(
            self.config.project,
            TOPIC,
            instance=self.instance,
            emulator_host=self.config.pubsub_emulator_host,
        )

    @cached_property
    def announcer(self) -> Announcer:
        """How a function tells of what it stored."""
        return BusAnnouncer(self.publisher, origin=self.instance)

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

    async def close(self) -> None:
        """Give back the connections of the adapters that were used; hears out the bus first."""
        async with AsyncExitStack() as closing:
            for name in ("verifier", "store", "publisher", "subscription"):  # the last one closes first
                if (adapter := self.__dict__.get(name)) is not None:
                    closing.push_async_callback(adapter.close)
