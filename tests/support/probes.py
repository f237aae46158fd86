"""A system to probe: two real instances, and the functions behind one web server."""

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from confab import config
from confab.http.edge import Edge
from confab.http.routes import ROUTES
from confab.wiring import Adapters
from infra.probes.probe import Group, Result, run
from infra.probes.system import System
from tests.support.adapters import NamedUsers

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PAGE = "<html><title>Somebody's own</title></html>"


def functions(adapters: Adapters) -> ASGIApp:
    """All operations under their paths and a page at the root, as Hosting serves them."""

    async def page(_: object) -> HTMLResponse:
        return HTMLResponse(PAGE)

    return Starlette(
        routes=[
            StarletteRoute("/", page),
            StarletteRoute("/{path:path}", Edge(ROUTES, adapters).__call__, methods=METHODS),
        ]
    )


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The address of a web server for this application."""
    async with AsyncExitStack() as ends:
        listener = ends.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[listener])
        ends.push_async_callback(server.shutdown, sockets=[listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def system(env: Mapping[str, str], realtime: Sequence[str]) -> AsyncIterator[System]:
    """The instances at these addresses, and functions in the same environment."""
    adapters = Adapters(config.load({**env, "CONFAB_REALTIME_URLS": ",".join(realtime)}))
    adapters.verifier = NamedUsers()
    async with AsyncExitStack() as ends:
        ends.push_async_callback(adapters.close)
        web = await ends.enter_async_context(serving(functions(adapters)))
        yield System(config.load(env), web, tuple(realtime), "alice")


async def found(*groups: Group) -> dict[str, Result]:
    """The results of these probes by their names."""
    return {result.name: result async for result in run(groups)}


def outcome(results: Mapping[str, Result]) -> dict[str, Any]:
    """How each probe went."""
    return {name: result.status for name, result in results.items()}
