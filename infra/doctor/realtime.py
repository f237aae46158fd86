"""A realtime instance: alive, ready, and closed to whoever brings no token.

It is asked under the names that end in no `z`: Cloud Run keeps the others to itself.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import httpx
import socketio

from infra.doctor.check import Check, Fault
from infra.doctor.site import Site, http
from infra.doctor.sockets import CONNECT_S, code, socket, words
from infra.doctor.web import asked, fields_of

MEND_AWAY = (
    "start it (locally: make dev), or mend CONFAB_REALTIME_URLS or CONFAB_CELLS; its log says why it ended"
)
MEND_MISSING = {
    "store": "see the checks of the store, and that the container has the same SURREALDB_ variables",
    "bus": "see the checks of the bus; if they are ok, the container may not subscribe, or its subscription "
    "is deaf: its log tells which, and a new container has a new one",
    "keys": "the container cannot reach Firebase Auth (its emulator, or Google's keys): open the way out",
    "draining": "it is going away: ask again in 10 s; if that lasts, it was told to stop and does not end",
}
MEND_UNKNOWN = "the container is of another version than the doctor: use the doctor of its release"
MEND_STRANGER = "take it off the net: this is not Confab's container"
MEND_SOCKETS = (
    "let WebSockets through to the container (Cloud Run does; a proxy before it may not), and give it the "
    "same CONFAB_ALLOWED_ORIGINS as the functions and the doctor"
)


@asynccontextmanager
async def realtime(site: Site, url: str) -> AsyncIterator[Sequence[Check]]:
    """Whether the instance at `url` lives, can serve, and guards its sockets."""
    async with http() as client:
        yield [
            Check(f"alive {url}", partial(alive, client, url), MEND_AWAY),
            Check(f"ready {url}", partial(ready, client, url), MEND_AWAY),
            Check(f"sockets {url}", partial(guarded, url, site.config.allowed_origins[0]), MEND_SOCKETS),
        ]


async def alive(client: httpx.AsyncClient, url: str) -> str:
    """The process answers."""
    answer = await asked(client, "GET", f"{url}/health", MEND_AWAY)
    if answer.status_code != httpx.codes.OK or fields_of(answer).get("status") != "alive":
        raise Fault(f"/health answers {answer.status_code}: this is no realtime instance", MEND_AWAY)
    return "it lives"


async def ready(client: httpx.AsyncClient, url: str) -> str:
    """The process has what it needs."""
    answer = await asked(client, "GET", f"{url}/ready", MEND_AWAY)
    told = fields_of(answer)
    if answer.status_code == httpx.codes.OK and told.get("status") == "ready":
        return "it has the store, the bus and the keys"
    missing = told.get("missing")
    if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not isinstance(missing, list) or not missing:
        raise Fault(f"/ready answers {answer.status_code} and not what it lacks", MEND_AWAY)
    parts = [str(part) for part in missing]
    advice = dict.fromkeys(MEND_MISSING.get(part, MEND_UNKNOWN) for part in parts)
    raise Fault(f"it misses {', '.join(parts)}", "; ".join(advice))


async def guarded(url: str, origin: str) -> str:
    """A handshake without a token, from an allowed origin, is refused with a problem."""
    refusals: list[object] = []
    async with socket() as client:
        client.on("connect_error", refusals.append)
        try:
            await client.connect(
                url, transports=["websocket"], headers={"Origin": origin}, wait_timeout=CONNECT_S
            )
        except socketio.exceptions.ConnectionError as error:
            refusal = refusals[-1] if refusals else error
            if code(refusal) == "unauthenticated":
                return "a handshake without a token is refused"
            raise Fault(f"a handshake ends in {words(refusal)}", MEND_SOCKETS) from None
    raise Fault("a handshake without a token was let in", MEND_STRANGER)
