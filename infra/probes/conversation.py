"""Probes a whole conversation: created and written over REST, received on every instance, finalized."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeVar

import httpx

from confab.domain.cells import cell_of
from confab_client import Confab, ConfabError, Room
from infra.probes.clients import http_client
from infra.probes.hosting import FIX_WEB
from infra.probes.identity import Identity
from infra.probes.probe import RESPONSE_S, Failure, Probe, Skipped
from infra.probes.system import System
from infra.probes.web import FIX_RESPONSE, FIX_ROUTE

T = TypeVar("T")
SOON_S = 1.0
"""The bus delivers an entry within a second of the response; the sweep alone takes up to 2 s."""
PROMISED_S = 5.0
"""An entry arrives within 5 s even without the bus."""
STEP_S = 2 * RESPONSE_S + 15
"""Covers a sign-up before the request, or a handshake before the join."""
FIX_IDENTITY = "pass a token that is valid now, of a user of GOOGLE_CLOUD_PROJECT"
FIX_UNAVAILABLE = "see the probes of the store; the functions' SURREALDB_ variables may differ"
FIX_URLS = (
    "give the functions the probed addresses in CONFAB_REALTIME_URLS or CONFAB_CELLS, or probe the functions'"
    " with --realtime"
)
FIX_JOIN = "check that it is alive and ready; if so, its store or project differs from the functions'"
FIX_SLOW = (
    "the bus does not reach it, so only the sweep fills its rooms from the store: see the probes of the bus,"
    " whether it is ready, and whether the functions may publish"
)
FIX_SILENT = (
    "neither the bus nor the store delivers entries: check that it is ready, and that it has the"
    " functions' SURREALDB_ variables"
)
_FIXES = {401: FIX_IDENTITY, 503: FIX_UNAVAILABLE, 0: FIX_WEB}


@asynccontextmanager
async def conversation(system: System) -> AsyncIterator[Sequence[Probe]]:
    """Messages arrive end to end. The conversation stays in the store, finalized."""
    async with AsyncExitStack() as opened:
        identity = Identity(system, await opened.enter_async_context(http_client()))
        opened.push_async_callback(identity.end)
        client = Confab(system.web, identity.token, attempts=1, timeout_s=RESPONSE_S)
        await opened.enter_async_context(client)
        listeners = [Listener(url) for url in system.realtime]
        for listener in listeners:
            opened.push_async_callback(listener.end)
        yield list(Rehearsal(system, client).probes(listeners))


class Listener:
    """A room on one instance, and when each entry of it came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seqs: list[int] = []
        """The numbers in the order in which they came."""
        self._arrivals: dict[int, float] = {}
        self._arrival = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def join(self, room: Room) -> None:
        """Join, and listen until the end. Raises ConfabError."""
        await room.__aenter__()
        self._listening = asyncio.create_task(self._listen(room))

    async def received(self, seq: int) -> float:
        """Wait for this entry; its arrival on the clock `time.monotonic`."""
        while seq not in self._arrivals:
            self._arrival.clear()
            await self._arrival.wait()
        return self._arrivals[seq]

    async def end(self) -> None:
        """Leave the room."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait((self._listening,))

    async def _listen(self, room: Room) -> None:
        async for entry in room:
            self.seqs.append(getattr(entry, "seq", 0))
            self._arrivals[self.seqs[-1]] = time.monotonic()
            self._arrival.set()


class Rehearsal:
    """The steps of the conversation, and what one step hands to the next."""

    def __init__(self, system: System, client: Confab) -> None:
        self._system = system
        self._client = client
        self._id = ""
        self._realtime_url = ""
        self._written = (0, 0.0)

    def probes(self, listeners: Sequence[Listener]) -> Iterator[Probe]:
        """The steps in order."""
        made = ("create",)
        yield Probe("create", self.create, FIX_ROUTE, STEP_S)
        yield Probe("realtimeUrl", self.realtime_url, FIX_URLS, after=made)
        for each in listeners:
            yield Probe(f"join {each.url}", partial(self.join, each), FIX_JOIN, STEP_S, after=made)
        yield Probe("write", self.write, FIX_ROUTE, STEP_S, after=made)
        for each in listeners:
            after = ("write", f"join {each.url}")
            yield Probe(f"delivery {each.url}", partial(self.delivery, each), FIX_SILENT, after=after)
        yield Probe("finalize", self.finalize, FIX_ROUTE, STEP_S, after=made)

    async def create(self) -> str:
        """A function creates a conversation."""
        made = await called(self._client.create(title="doctor"))
        self._id, self._realtime_url = made.id, made.realtime_url
        return f"conversation {self._id}"

    async def realtime_url(self) -> str:
        """The functions send browsers to a probed instance."""
        if self._realtime_url not in self._system.realtime:
            raise Failure(f"the functions send browsers to {self._realtime_url}")
        return self._realtime_url

    async def join(self, listener: Listener) -> str:
        """A socket on the instance joins the room, if the instance serves the room's cell."""
        addresses = self._system.config.addresses
        home = cell_of(self._id, addresses)
        if any(listener.url in urls for cell, urls in addresses.items() if cell != home):
            raise Skipped(f"the conversation belongs to the cell {home}")
        began = time.monotonic()
        try:
            await listener.join(self._client.follow(self._id, 0, attempts=1, realtime_url=listener.url))
        except ConfabError as refusal:
            raise Failure(f"it rejects the socket: {refusal}") from None
        return f"joined after {_ms(time.monotonic() - began)}"

    async def write(self) -> str:
        """A function stores a message."""
        began = time.monotonic()
        message = await called(self._client.add_message(self._id, "Is everything all right?"))
        responded = time.monotonic()
        self._written = message.seq, responded
        return f"entry {message.seq} stored after {_ms(responded - began)}"

    async def delivery(self, listener: Listener) -> str:
        """The socket receives the message within SOON_S."""
        seq, responded = self._written
        try:
            async with asyncio.timeout(PROMISED_S + SOON_S):
                late = max(0.0, await listener.received(seq) - responded)
        except TimeoutError:
            raise Failure(f"entry {seq} does not arrive") from None
        if late > SOON_S:
            raise Failure(f"entry {seq} arrived {_ms(late)} after the response", FIX_SLOW)
        return f"entry {seq} arrived {_ms(late)} after the response"

    async def finalize(self) -> str:
        """A function finalizes the conversation."""
        closed = await called(self._client.finalize(self._id))
        return f"entry {closed.seq} closes the log"


async def called(call: Awaitable[T]) -> T:
    """What a call returns; raises Failure with the fix of what it ended with."""
    try:
        return await call
    except ConfabError as error:
        if isinstance(error.__cause__, Failure):  # the identity's
            raise error.__cause__ from None
        foreign = error.code == "bad_response" and not httpx.codes.is_error(error.status)
        raise Failure(str(error), FIX_RESPONSE if foreign else _FIXES.get(error.status)) from None


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
