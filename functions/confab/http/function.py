"""A deployable function, as functions-framework serves it: the edge of some routes, or the expiry."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from confab import config, log
from confab.http.edge import Edge
from confab.http.expiry import Expiry
from confab.http.routes import EXPIRY, functions
from confab.wiring import Adapters

Serve = Callable[[Request], Awaitable[Response]]


def function(name: str) -> Serve:
    """The entry point of a function.

    Reads and checks the environment, so a wrong one stops the process before it serves:
    raises ConfigError. Connects to nothing; the first request does, while it still imports.
    """
    configuration = config.load(os.environ)
    log.setup(configuration.project)
    adapters = Adapters(configuration)
    routes = functions().get(name, ())
    announces = name == EXPIRY or any(route.announces for route in routes)
    respond: Serve = Expiry(adapters) if name == EXPIRY else Edge(routes, adapters)
    preparing: asyncio.Task[None] | None = None

    async def serve(request: Request) -> Response:
        nonlocal preparing
        if preparing is None:
            log.setup(configuration.project)  # the server has replaced the handlers meanwhile
            preparing = asyncio.create_task(adapters.prepare(announces=announces))
        if not preparing.done():  # a client that disconnects does not cancel it
            await asyncio.wait([preparing])  # its failure shows again in the response
        return await respond(request)

    serve.__name__ = name  # functions-framework registers a handler under its own name
    functions_framework.aio.http(serve)
    return serve
