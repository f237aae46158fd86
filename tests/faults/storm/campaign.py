"""The clients of a storm: they start, write and follow until each has every entry."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager

from confab.domain.errors import Unavailable
from confab.ports import Store
from tests.faults.storm.follower import Follower
from tests.faults.storm.load import FOLLOWED_S, Load
from tests.faults.storm.options import Options
from tests.faults.storm.record import Recording
from tests.faults.storm.rest import Rest
from tests.support.sockets import Sockets
from tests.support.users import user

SETTLE_S = 30.0
"""Seconds after the load within which every send must have been answered."""
POLL_S = 0.1
ENTRIES_PER_READ = 500
DISTURBANCE_S = 0.25
"""Seconds, on average, between two clients that come and go."""


class Campaign:
    """Clients, and what they do."""

    def __init__(
        self, options: Options, urls: Sequence[str], rest: Rest, sockets: Sockets, recording: Recording
    ) -> None:
        self._options = options
        self._recording = recording
        self._users = [user(f"user-{number}") for number in range(options.users)]
        self._followers = [
            Follower(
                f"client-{number}",
                self._users[number % options.users],
                sockets,
                urls,
                recording=recording,
                seed=f"client {number} {options.seed}",
            )
            for number in range(options.clients)
        ]
        self.load = Load(self._users, self._followers, rest, recording, options.seed)

    @classmethod
    @asynccontextmanager
    async def ready(
        cls, options: Options, urls: Sequence[str], rest: Rest, recording: Recording
    ) -> AsyncIterator["Campaign"]:
        """Clients that are connecting, and conversations that wait for them."""
        async with Sockets.running() as sockets:
            campaign = cls(options, urls, rest, sockets, recording)
            for follower in campaign._followers:
                follower.start()
            try:
                async with asyncio.timeout(SETTLE_S):
                    for _ in range(options.conversations):
                        await campaign.load.open(options.followed_by)
                yield campaign
            finally:
                for follower in campaign._followers:
                    follower.close()

    async def run(self, meanwhile: Awaitable[object]) -> None:
        """Write, close and disturb for the length of the load and until `meanwhile` is over."""
        options, load = self._options, self.load
        pause = options.writers / options.sends_per_second
        async with asyncio.TaskGroup() as tasks:
            writers = [tasks.create_task(load.write(n, pause)) for n in range(options.writers)]
            others = [tasks.create_task(load.disturb(DISTURBANCE_S)), tasks.create_task(self._close_some())]
            await asyncio.gather(asyncio.sleep(options.seconds), meanwhile)
            load.stopping.set()
            await asyncio.wait([*writers, *others], timeout=SETTLE_S)
            load.giving_up.set()
        await asyncio.sleep(FOLLOWED_S)

    async def catch_up(self, store: Store) -> None:
        """Wait until every client has every stored entry, within `catch_up_s`."""
        until = time.monotonic() + self._options.catch_up_s
        heads: dict[str, int] = {}
        while time.monotonic() < until:
            try:
                heads = await store.heads([view.conversation for view in self._recording.views])
            except Unavailable:
                await asyncio.sleep(POLL_S)
                continue
            if not any(follower.lags(heads) for follower in self._followers):
                await asyncio.sleep(1)  # for what should not come any more
                return
            await asyncio.sleep(POLL_S)

    async def read_logs(self, store: Store) -> None:
        """Write down what is stored."""
        for each in self._users:
            found = await store.conversations(each.uid, status=None, after=None, limit=10_000)
            for conversation in found:
                self._recording.owned.setdefault(conversation["owner"], set()).add(conversation["id"])
        for conversation_id in set().union(*self._recording.owned.values()):
            log = self._recording.logs[conversation_id] = []
            while entries := await store.entries(conversation_id, len(log) + 1, len(log) + ENTRIES_PER_READ):
                log += [entry.wire() for entry in entries]

    async def _close_some(self) -> None:
        chance = random.Random(f"closings {self._options.seed}")
        if not self._options.closings_per_minute:
            return
        while True:
            pause = chance.uniform(0.5, 1.5) * 60 / self._options.closings_per_minute
            try:
                await asyncio.wait_for(self.load.stopping.wait(), pause)
            except TimeoutError:
                await self.load.close()
                await self.load.open(self._options.followed_by)
            else:
                return
