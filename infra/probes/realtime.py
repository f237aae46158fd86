"""Probes a realtime instance: alive, ready, and closed to clients without a token.

The paths do not end in `z`, because Cloud Run intercepts those that do.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import httpx
import socketio

from infra.probes.clients import fields, http_client, request
from infra.probes.probe import Failure, Probe
from infra.probes.system import System

CONNECT_S = 8
FIX_AWAY = "start it (locally: make dev), or correct its address; its log says why it ended"
FIX_MISSING = {
    "store": "see the probes of the store, and give the container the same SURREALDB_ variables",
    "bus": "see the probes of the bus; if they are ok, the container may not subscribe, or its subscription"
    " delivers nothing: its log says which, and a new container creates a new subscription",
    "keys": "the container cannot reach Firebase Auth (its emulator, or Google's keys): allow the egress",
    "draining": "it is shutting down: try again in 10 s; if it still drains then, kill it",
}
FIX_UNKNOWN = "the container and the doctor are of different releases: use the doctor of its release"
FIX_STRANGER = "take it off the network: this is not Confab's container"
FIX_SOCKETS = (
    "let WebSockets through to the container (Cloud Run does; a proxy in front of it may not), and give it"
    " the same CONFAB_ALLOWED_ORIGINS as the functions and the doctor"
)


@asynccontextmanager
async def realtime(system: System, url: str) -> AsyncIterator[Sequence[Probe]]:
    """The instance at `url` is alive, can serve, and guards its sockets."""
    origin = system.config.allowed_origins[0]
    async with http_client() as client:
        yield [
            Probe(f"alive {url}", partial(alive, client, url), FIX_AWAY),
            Probe(f"ready {url}", partial(ready, client, url), FIX_AWAY),
            Probe(f"sockets {url}", partial(guarded, url, origin), FIX_SOCKETS),
        ]


async def alive(client: httpx.AsyncClient, url: str) -> str:
    """The process responds."""
    response = await request(client, "GET", f"{url}/health", FIX_AWAY)
    if response.status_code != httpx.codes.OK or fields(response).get("status") != "alive":
        raise Failure(f"/health responds {response.status_code}: this is no realtime instance")
    return "the process responds"


async def ready(client: httpx.AsyncClient, url: str) -> str:
    """The process has its dependencies."""
    response = await request(client, "GET", f"{url}/ready", FIX_AWAY)
    found = fields(response)
    if response.status_code == httpx.codes.OK and found.get("status") == "ready":
        return "it has the store, the bus and the keys"
    missing = found.get("missing") if response.status_code == httpx.codes.SERVICE_UNAVAILABLE else None
    if not isinstance(missing, list) or not missing:
        raise Failure(f"/ready responds {response.status_code} without a list of what is missing")
    parts = [str(part) for part in missing]
    fixes = dict.fromkeys(FIX_MISSING.get(part, FIX_UNKNOWN) for part in parts)
    raise Failure(f"it lacks {', '.join(parts)}", "; ".join(fixes))


async def guarded(url: str, origin: str) -> str:
    """A handshake without a token, over a WebSocket from an allowed origin, is rejected with a problem."""
    seen: list[object] = []
    async with aiohttp.ClientSession() as http:
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=http)
        client.on("connect_error", seen.append)
        try:
            headers = {"Origin": origin}
            await client.connect(url, headers=headers, transports=["websocket"], wait_timeout=CONNECT_S)
        except socketio.exceptions.ConnectionError as error:
            refusal = seen[-1] if seen else error
        else:
            await client.disconnect()
            raise Failure("a handshake without a token is accepted", FIX_STRANGER)
    problem = refusal.get("data") if isinstance(refusal, dict) else None
    if isinstance(problem, dict) and problem.get("code") == "unauthenticated":
        return "a handshake without a token is rejected"
    raise Failure(f"a handshake ends with: {refusal}")
