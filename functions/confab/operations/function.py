"""A deployable function: some routes behind an endpoint, in the form functions-framework serves."""

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from confab import config, log
from confab.operations.endpoint import Endpoint
from confab.operations.routes import functions
from confab.wiring import Ports

Handler = Callable[[Request], Awaitable[Response]]


def function(name: str) -> Handler:
    """The handler of a function of the route table. Only the operations it serves are imported.

    Reads and checks the environment, so a wrong one stops the process before it serves:
    raises ConfigError. Connects to nothing; the first request does, while it still imports.
    """
    configuration = config.load(os.environ)
    log.setup(configuration.project)
    routes = functions()[name]
    ports = Ports(configuration)
    endpoint = Endpoint(
        {route: importlib.import_module(f"confab.operations.{route.operation}").handle for route in routes},
        ports,
    )
    adapters = ("telemetry", "verifier", *(["announcer"] if any(route.announces for route in routes) else []))
    preparing: asyncio.Task[None] | None = None

    async def serve(request: Request) -> Response:
        nonlocal preparing
        if preparing is None:
            log.setup(configuration.project)  # over what the server has set up meanwhile
            preparing = asyncio.create_task(ports.prepare(*adapters))
        if not preparing.done():  # a caller that goes away does not take it along
            await asyncio.wait([preparing])  # what goes wrong in it, the endpoint meets again and tells
        return await endpoint(request)

    serve.__name__ = name  # functions-framework registers a handler under its own name
    functions_framework.aio.http(serve)
    return serve
