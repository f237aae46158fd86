"""A deployable function: some routes behind an endpoint, in the form functions-framework serves."""

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
    raises ConfigError. Connects to nothing.
    """
    log.setup()
    endpoint = Endpoint(
        {
            route: importlib.import_module(f"confab.operations.{route.operation}").handle
            for route in functions()[name]
        },
        Ports(config.load(os.environ)),
    )

    async def serve(request: Request) -> Response:
        return await endpoint(request)

    serve.__name__ = name  # functions-framework registers a handler under its own name
    functions_framework.aio.http(serve)
    return serve
