"""The adapters of one process, in-memory twins, for unit tests."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from confab import config
from confab.conversations import Conversations
from confab.domain.cells import MAIN
from confab.domain.entries import Entry
from confab.domain.errors import TokenExpired, TokenRevoked, Unauthenticated, Unavailable
from confab.domain.limits import Limits
from confab.domain.models import Principal
from confab.ports.bus import Announcer
from confab.ports.store import Store
from confab.wiring import Adapters
from tests.support.rates import NO_RATES
from tests.support.samples import principal
from tests.support.twins.bus import MemoryBus
from tests.support.twins.store import MemoryStore


class NamedUsers:
    """Implements `TokenVerifier`: a token is the name of its user; `bot…` are agents."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        """Users who were disabled, deleted or revoked."""
        self.expires_at = datetime.now(UTC) + timedelta(hours=1)
        """When the tokens end that are verified from now on."""
        self.signed_in_at: datetime | None = None
        """When everybody signed in."""

    async def verify(self, token: str) -> Principal:
        await asyncio.sleep(0)
        refusals = {
            "expired": TokenExpired("expired"),
            "revoked": TokenRevoked("revoked"),
            "forged": Unauthenticated("forged"),
            "unchecked": Unavailable("no keys"),
        }
        if token in self.gone:
            raise refusals["revoked"]
        if token in refusals:
            raise refusals[token]
        caller = principal(token, agent=token.startswith("bot"))
        return caller.model_copy(update={"expires_at": self.expires_at, "signed_in_at": self.signed_in_at})

    async def revoked(self, principals: Collection[Principal]) -> Collection[Principal]:
        await asyncio.sleep(0)
        return [principal for principal in principals if principal.uid in self.gone]

    async def check(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Announced:
    """Implements `Announcer`: remembers."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.forgotten: list[str] = []
        """Deleted conversations and erased users."""

    async def announce(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def announce_deletion(self, conversation_id: str) -> None:
        self.forgotten.append(conversation_id)

    async def announce_erasure(self, uid: str) -> None:
        self.forgotten.append(uid)


def conversations_over(
    store: Store, announcer: Announcer | None = None, *, cells: Sequence[str] = (MAIN,), **options: Any
) -> Conversations:
    """The use cases over a store, with the default limits but without rates."""
    return Conversations(
        store,
        announcer or Announced(),
        limits=Limits.model_validate(NO_RATES),
        cells=cells,
        locate=lambda one: one,
        **options,
    )


class MemoryAdapters(Adapters):
    """Twins; a test may replace any of them before its first use."""

    def __init__(self, **env: str) -> None:
        super().__init__(config.load(NO_RATES | env))
        self.store, self.bus = MemoryStore(), MemoryBus()
        self.publisher, self.subscription = self.bus.publisher(), self.bus.subscription()
        self.verifier = self.users = NamedUsers()
        self.announced = self.announcer = Announced()
