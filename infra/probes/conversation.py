"""Probes a whole conversation: created and written over REST, received on every instance, finalized."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import httpx

from confab.domain.cells import cell_of
from infra.probes.clients import Refused, described, fields, http_client, request, socket_client
from infra.probes.hosting import FIX_WEB
from infra.probes.identity import Identity
from infra.probes.listener import Listener
from infra.probes.probe import RESPONSE_S, Failure, Probe, Skipped
from infra.probes.system import System
from infra.probes.web import FIX_RESPONSE, FIX_ROUTE

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
_FIXES = {401: FIX_IDENTITY, 503: FIX_UNAVAILABLE}


@asynccontextmanager
async def conversation(system: System) -> AsyncIterator[Sequence[Probe]]:
    """Messages arrive end to end. The conversation stays in the store, finalized."""
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(http_client())
        identity = Identity(system, client)
        opened.push_async_callback(identity.end)
        sockets = [(url, await opened.enter_async_context(socket_client())) for url in system.realtime]
        rehearsal = Rehearsal(system, client, identity)
        yield list(rehearsal.probes([Listener(url, socket) for url, socket in sockets]))


class Rehearsal:
    """The steps of the conversation, and what one step hands to the next."""

    def __init__(self, system: System, client: httpx.AsyncClient, identity: Identity) -> None:
        self._system = system
        self._client = client
        self._identity = identity
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
        made = await self._post("", {"type": "chat", "title": "doctor"}, "id", "realtimeUrl")
        self._id, self._realtime_url = made["id"], made["realtimeUrl"]
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
            origin = self._system.config.allowed_origins[0]
            await listener.join(await self._identity.token(), origin, self._id)
        except Refused as refusal:
            raise Failure(f"it rejects the socket: {refusal}") from None
        return f"joined after {_ms(time.monotonic() - began)}"

    async def write(self) -> str:
        """A function stores a message."""
        began = time.monotonic()
        message = await self._post(f"/{self._id}/messages", {"content": "Is everything all right?"}, "seq")
        responded = time.monotonic()
        self._written = message["seq"], responded
        return f"entry {message['seq']} stored after {_ms(responded - began)}"

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
        closed = await self._post(f"/{self._id}/finalize", {}, "seq")
        return f"entry {closed['seq']} closes the log"

    async def _post(self, path: str, body: Mapping[str, Any], *expected: str) -> Mapping[str, Any]:
        """The object in the response, which must have the expected fields."""
        url = f"{self._system.web}/api/conversations{path}"
        headers = {"Authorization": f"Bearer {await self._identity.token()}"}
        response = await request(self._client, "POST", url, FIX_WEB, headers=headers, body=body)
        if not response.is_success:
            raise Failure(described(response), _FIXES.get(response.status_code))
        found = fields(response)
        if not found.keys() >= set(expected):
            raise Failure(f"{described(response)} without {' and '.join(expected)}", FIX_RESPONSE)
        return found


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
