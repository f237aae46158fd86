"""A deployable function, as functions-framework serves it: the edge of some routes, or the expiry."""

import asyncio
import os
from collections.abc import Awaitable, Callable

from functions_framework import aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from confab import config, log
from confab.http.edge import Edge
from confab.http.expiry import Expiry
from confab.http.routes import EXPIRY, functions
from confab.wiring import Adapters

Serve = Callable[[Request], Awaitable[Response]]
_OUTERMOST = "ExceptionHandlerMiddleware"
"""What functions-framework puts around its router."""


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
    aio.http(serve)
    _take_over(serve)
    return serve


def _take_over(serve: Serve) -> None:
    """Hand every request to the function, whatever its method and path.

    The framework's router answers some by itself, in plain text: TRACE, unusual methods, `/robots.txt`,
    `/favicon.ico`, a newline in the path. It has no option for that, but makes its app once it has imported
    the function, and looks up by name what goes around the router.
    """

    class Everything(aio.ExceptionHandlerMiddleware):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                response = await serve(Request(scope, receive))
                await response(scope, receive, send)
            else:
                await self.app(scope, receive, send)

    setattr(aio, _OUTERMOST, Everything)
