"""What a deployment has to show from outside: two instances, a socket over the cut, cold starts."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

import httpx

from confab.http.routes import ROUTES
from confab_client import Confab
from infra.probes.clients import http_client, request
from infra.probes.conversation import PROMISED_S, STEP_S, Listener, called
from infra.probes.hosting import FIX_WEB, source_of
from infra.probes.identity import Identity
from infra.probes.probe import RESPONSE_S, Failure, Probe
from infra.probes.system import System
from infra.probes.web import guarded

CUT_S = 3600.0
"""Cloud Run ends every request after an hour, and so every socket."""
FIX_LOST = "a defect: the log of the containers has the request ids; read the conversation's log over REST"
FIX_CUT = "a socket that lives longer than Cloud Run's limit: check the container's timeout"


@dataclass(frozen=True, slots=True)
class Extent:
    """How long the acceptance takes."""

    socket_s: float = CUT_S + 120
    """For how long one socket's room is followed."""
    every_s: float = 5.0
    """Seconds between two messages in it."""
    idle_s: float = 1200.0
    """Seconds without a request, after which Cloud Run has scaled to zero."""
    messages: int = 20
    """For two instances."""


@asynccontextmanager
async def acceptance(system: System, extent: Extent) -> AsyncIterator[Sequence[Probe]]:
    """The probes in order. The long socket sends over itself, so the functions are idle meanwhile."""
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(http_client())
        identity = Identity(system, http)
        opened.push_async_callback(identity.end)
        client = await opened.enter_async_context(Confab(system.web, identity.token, timeout_s=RESPONSE_S))
        trial = Trial(system, client)
        first, last = extent.messages * PROMISED_S + STEP_S, extent.socket_s + STEP_S
        yield [
            Probe("two instances", partial(trial.two_instances, extent.messages), FIX_LOST, first),
            Probe("one socket's room", partial(trial.long_socket, extent), FIX_LOST, last),
            Probe("silence", partial(silence, extent.idle_s), FIX_LOST, extent.idle_s + STEP_S),
            *cold_starts(system, http),
        ]


class Trial:
    """Conversations that are written to and followed."""

    def __init__(self, system: System, client: Confab) -> None:
        self._client = client
        self._urls = (system.realtime[0], system.realtime[-1])
        self._pause_s = 10 / (system.config.messages_per_10s or math.inf)  # which no rate refuses

    async def two_instances(self, count: int) -> str:
        """Messages over REST and over a socket arrive at both instances, each once and in order."""
        waits, _ = await self._exchange(self._urls, self._pause_s, lambda n: n < count, every_other=True)
        return f"{count} messages at both, from the call to the arrival {_spread(waits)}"

    async def long_socket(self, extent: Extent) -> str:
        """A followed room outlives its socket: each message once and in order, whatever ends the socket."""
        end = time.monotonic() + extent.socket_s
        waits, again = await self._exchange(self._urls[:1], extent.every_s, lambda _: time.monotonic() < end)
        if extent.socket_s > CUT_S and not again:
            raise Failure(f"no cut within {extent.socket_s / 60:.0f} minutes", FIX_CUT)
        arrivals = f"{len(waits)} messages, each once and in order, {_spread(waits)}"
        return f"{extent.socket_s / 60:.1f} minutes, joined again {again} times: {arrivals}"

    async def _exchange(
        self, urls: Sequence[str], pause_s: float, more: Callable[[int], bool], *, every_other: bool = False
    ) -> tuple[list[float], int]:
        """Each message's seconds to each address, and how often the first room joined again.

        Writes over the first room's socket, or over REST `every_other` time.
        """
        room = (await called(self._client.create(title="acceptance"))).id
        rooms = [self._client.follow(room, 0, realtime_url=url) for url in urls]
        listeners, waits, joins, sent = [Listener(url) for url in urls], list[float](), list[object](), 0
        try:
            for listener, each in zip(listeners, rooms, strict=True):
                await called(listener.join(each))
            while more(sent):
                began = time.monotonic()
                over_rest = every_other and sent % 2 == 0
                write = partial(self._client.add_message, room) if over_rest else rooms[0].send
                seq = (await called(write(f"message {sent}"))).seq
                sent += 1
                async with asyncio.timeout(PROMISED_S + RESPONSE_S):
                    waits += [await each.received(seq) - began for each in listeners]
                if rooms[0].conversation not in joins[-1:]:
                    joins.append(rooms[0].conversation)
                await asyncio.sleep(pause_s)
        finally:
            for listener in listeners:
                await listener.end()
        for listener in listeners:
            require_each_once(listener.seqs, sent)
        return waits, len(joins) - 1


def require_each_once(seqs: Sequence[int], count: int) -> None:
    """Raises Failure unless these are the numbers from 1 to count, in order."""
    if [*seqs] != [*range(1, count + 1)]:
        raise Failure(f"{count} were sent, and {len(seqs)} arrived, as {[*seqs][-20:]}")


async def silence(seconds: float) -> str:
    """Nobody calls, so that Cloud Run scales to zero."""
    await asyncio.sleep(seconds)
    return f"{seconds / 60:.0f} minutes without a request"


def cold_starts(system: System, client: httpx.AsyncClient) -> Iterator[Probe]:
    """The first answer of each public function and each container, and the next one."""
    firsts = {source_of(route.path): route for route in reversed(ROUTES)}
    for source, route in firsts.items():
        call = partial(_first_and_next, partial(guarded, client, system, route))
        yield Probe(f"cold start {source}", call, FIX_WEB, 2 * RESPONSE_S)
    for url in dict.fromkeys(system.realtime):
        call = partial(_first_and_next, partial(request, client, "GET", f"{url}/health", FIX_WEB))
        yield Probe(f"cold start {url}", call, FIX_WEB, 2 * RESPONSE_S)


async def _first_and_next(call: Callable[[], Awaitable[object]]) -> str:
    waits = []
    for _ in range(2):
        began = time.monotonic()
        await call()
        waits.append(time.monotonic() - began)
    return f"{waits[0] * 1000:.0f} ms, then {waits[1] * 1000:.0f} ms"


def _spread(waits: Sequence[float]) -> str:
    return f"median {median(waits) * 1000:.0f} ms, at most {max(waits) * 1000:.0f} ms"
