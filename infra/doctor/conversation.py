"""One whole conversation: started and written over REST, heard wherever its room is, and finalized."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import httpx

from confab.domain.cells import cell_of
from infra.doctor.check import ANSWER_S, Check, Fault, Skip
from infra.doctor.identity import Identity, identity
from infra.doctor.listener import Listener, Refused
from infra.doctor.site import Site, http
from infra.doctor.sockets import socket
from infra.doctor.web import MEND_ANSWER, MEND_ROUTE, MEND_WEB, asked, fields_of, told

SOON_S = 1.0
"""Seconds after an answer by which the bus has brought an entry; the store is asked every 2 s."""
PROMISED_S = 5.0
"""Seconds within which an entry arrives even without the bus."""
STEP_S = 2 * ANSWER_S + 15
"""A token may have to be got first, and a handshake and its join are two answers."""
MEND_IDENTITY = "bring a token that is valid now, of a user of GOOGLE_CLOUD_PROJECT"
MEND_UNAVAILABLE = "see the checks of the store; what the functions have as SURREALDB_ variables may differ"
MEND_URLS = (
    "give the functions the same CONFAB_REALTIME_URLS and CONFAB_CELLS as the doctor, or name the addresses "
    "with --realtime"
)
MEND_JOIN = "see whether it is alive and ready; if so, it has another store or project than the functions"
MEND_SLOW = (
    "the bus does not reach it, so its rooms live from comparing with the store: see the checks of the bus, "
    "whether it is ready, and whether the functions may publish"
)
MEND_DEAF = (
    "neither the bus nor the store brings entries: see whether it is ready, and whether it has the same "
    "SURREALDB_ variables as the functions"
)
_MENDS = {401: MEND_IDENTITY, 503: MEND_UNAVAILABLE}


@asynccontextmanager
async def conversation(site: Site) -> AsyncIterator[Sequence[Check]]:
    """Whether the system does what it is there for. The conversation stays, finalized, in the store."""
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(http())
        who = await opened.enter_async_context(identity(site, client))
        rehearsal = Rehearsal(site, client, who)
        each = [(url, Listener(url, await opened.enter_async_context(socket()))) for url in site.realtime]
        yield [
            Check("create", rehearsal.create, MEND_ROUTE, STEP_S),
            *(Check(f"join {url}", partial(rehearsal.join, one), MEND_JOIN, STEP_S) for url, one in each),
            Check("write", rehearsal.write, MEND_ROUTE, STEP_S),
            *(Check(f"delivery {url}", partial(rehearsal.delivery, one), MEND_DEAF) for url, one in each),
            Check("finalize", rehearsal.finalize, MEND_ROUTE, STEP_S),
        ]


class Rehearsal:
    """The conversation, as far as it has come."""

    def __init__(self, site: Site, client: httpx.AsyncClient, who: Identity) -> None:
        self._site = site
        self._client = client
        self._who = who
        self._id: str | None = None
        self._written: tuple[int, float] | None = None

    async def create(self) -> str:
        """A conversation of the doctor's is started."""
        made = await self._post("", {"type": "chat", "title": "doctor"}, "id", "realtimeUrl")
        self._id, url = made["id"], made["realtimeUrl"]
        if url not in self._site.realtime:
            raise Fault(f"the functions send browsers to {url}", MEND_URLS)
        return f"conversation {self._id} is at {url}"

    async def join(self, listener: Listener) -> str:
        """A socket of the instance is in the room, if it is the room's cell that it serves."""
        room = self._room()
        self._require_home(listener.url, room)
        began = time.monotonic()
        try:
            origin = self._site.config.allowed_origins[0]
            await listener.join(await self._who.token(), origin, room)
        except Refused as refusal:
            raise Fault(f"it refuses: {refusal}", MEND_JOIN) from None
        return f"joined after {_ms(time.monotonic() - began)}"

    async def write(self) -> str:
        """A message is stored over REST."""
        began = time.monotonic()
        said = {"content": "Is everything all right?"}
        message = await self._post(f"/{self._room()}/messages", said, "seq")
        answered = time.monotonic()
        self._written = message["seq"], answered
        return f"entry {message['seq']} was stored after {_ms(answered - began)}"

    async def delivery(self, listener: Listener) -> str:
        """The socket hears the message, and soon."""
        if self._written is None:
            raise Skip("nothing was written")
        if not listener.joined:
            raise Skip("nobody listens there")
        seq, answered = self._written
        try:
            async with asyncio.timeout(PROMISED_S + SOON_S):
                late = max(0.0, await listener.heard(seq) - answered)
        except TimeoutError:
            raise Fault(f"entry {seq} does not come", MEND_DEAF) from None
        if late > SOON_S:
            raise Fault(f"entry {seq} came {_ms(late)} after the answer", MEND_SLOW)
        return f"entry {seq} came {_ms(late)} after the answer"

    async def finalize(self) -> str:
        """The conversation is closed."""
        closed = await self._post(f"/{self._room()}/finalize", {}, "seq")
        return f"the log is closed with entry {closed['seq']}"

    def _require_home(self, url: str, room: str) -> None:
        addresses = self._site.config.addresses
        home = cell_of(room, addresses)
        if any(url in urls for cell, urls in addresses.items() if cell != home):
            raise Skip(f"the conversation is of the cell {home}")

    def _room(self) -> str:
        if self._id is None:
            raise Skip("there is no conversation")
        return self._id

    async def _post(self, path: str, fields: Mapping[str, Any], *expected: str) -> Mapping[str, Any]:
        """The object that is answered, with the expected fields in it."""
        url = f"{self._site.web}/api/conversations{path}"
        headers = {"Authorization": f"Bearer {await self._who.token()}"}
        answer = await asked(self._client, "POST", url, MEND_WEB, headers=headers, fields=fields)
        if not answer.is_success:
            raise Fault(told(answer), _MENDS.get(answer.status_code, MEND_ROUTE))
        body = fields_of(answer)
        if not body.keys() >= set(expected):
            raise Fault(f"{told(answer)} without {' and '.join(expected)}", MEND_ANSWER)
        return body


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
