"""Every answer of a realtime process is ours, whatever aiohttp would say to a request by itself."""

import uuid
from collections.abc import Iterable
from http import HTTPStatus
from typing import NoReturn

from aiohttp import hdrs, web
from pydantic_core import to_json

from confab.domain.errors import ConfabError, Internal, InvalidRequest, MethodNotAllowed, NotFound, problem
from confab.realtime.reading import SmallReads

PROBLEM = "application/problem+json"
SHARED = {
    hdrs.SERVER: "Confab",  # aiohttp would name its version, and Python's
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",  # pages read answers by CORS, and nobody embeds them
}
"""The headers of every answer."""


class Protocol(web.RequestHandler, SmallReads):
    """A connection on which a problem stands for what aiohttp refuses in plain text, quoting the request."""

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response, or the problem in its place."""
        if resp.status >= HTTPStatus.BAD_REQUEST and not resp.prepared and "json" not in resp.content_type:
            refused = refusal(_error(resp))
            if resp.keep_alive is False:
                refused.force_close()
            resp = refused
        return await super().finish_response(request, resp, start_time)


def rest(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """Routes for what these GET routes and others before them leave: aiohttp's own would read `Expect`."""

    async def only_get(request: web.Request) -> NoReturn:
        raise web.HTTPMethodNotAllowed(request.method, [hdrs.METH_GET, hdrs.METH_HEAD])

    async def nowhere(_: web.Request) -> NoReturn:
        raise web.HTTPNotFound

    others = [web.route(hdrs.METH_ANY, route.path, only_get) for route in routes]
    return [*others, web.route(hdrs.METH_ANY, r"/{path:[\s\S]*}", nowhere)]


def refusal(error: ConfabError) -> web.Response:
    """The response that reports an error."""
    request_id = uuid.uuid4().hex
    headers = {**SHARED, "X-Request-Id": request_id}
    if isinstance(error, MethodNotAllowed):
        headers[hdrs.ALLOW] = ", ".join(error.allow)
    if error.retry_after is not None:
        headers[hdrs.RETRY_AFTER] = str(error.retry_after)
    body = to_json(problem(error, request_id))
    return web.Response(status=error.status, body=body, headers=headers, content_type=PROBLEM)


async def share_headers(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """Give a response the headers of all; a signal of aiohttp's applications."""
    response.headers.update(SHARED)


def _error(response: web.StreamResponse) -> ConfabError:
    match response.status:
        case HTTPStatus.NOT_FOUND:
            return NotFound("There is nothing at this path.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(response.headers[hdrs.ALLOW].split(","))
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return InvalidRequest.field("", "this is no HTTP request that this server reads")
    return Internal()
