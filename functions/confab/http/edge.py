"""The edge of every function: from an HTTP request to a use case and back.

It does what all operations share: request ids, CORS, methods, authentication, bounded bodies, and
the rendering of resources and of problems.
"""

import asyncio
import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus
from typing import Self
from urllib.parse import unquote

from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from confab import trace
from confab.conversations import Conversations
from confab.domain.errors import (
    ConfabError,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
    foreign_origin,
    problem,
)
from confab.domain.models import Principal
from confab.domain.rates import UnderWay
from confab.domain.requests import ID, MAX_FIELDS, parse_json
from confab.http.handlers import Call
from confab.http.routes import Route
from confab.log import KIND
from confab.wiring import Adapters

log = logging.getLogger(__name__)

QUIET_S = 10
"""Seconds without a byte after which a body is given up; one over a slow link goes on."""
BODY_S = 60
"""Seconds for a whole body: Hosting waits no longer."""
METHODS = frozenset(HTTPMethod)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_AGE_S = 3600
"""Seconds for which a browser may cache the response to a preflight."""
ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, X-Request-Id, X-Firebase-AppCheck, "
    "traceparent, tracestate, baggage, sentry-trace, X-Cloud-Trace-Context, "
    "X-Firebase-Client, X-Firebase-GMPID, X-Goog-Api-Client, X-Requested-With, *"
)
"""What Confab reads, what clients' libraries add, and `*` for any other; it does not cover Authorization."""
EXPOSED_HEADERS = "Allow, Date, Location, Retry-After, WWW-Authenticate, X-Request-Id"
_ENCODED = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+")
_NO_UTF_8 = re.compile("[\udc80-\udcff]")


class Edge:
    """Serves some routes over HTTP. Calling it with a request never raises."""

    def __init__(self, routes: Sequence[Route], adapters: Adapters) -> None:
        self._routes = routes
        self._adapters = adapters
        self._origins = frozenset(adapters.config.allowed_origins)
        self._under_way = UnderWay(adapters.config.requests_per_user)

    async def __call__(self, request: Request) -> Response:
        """The response to a request: the operation's, or a problem."""
        asked = _Request.of(request, self._routes)
        try:
            with self._adapters.telemetry.span(asked.name, trace.of_request(asked.headers)) as span:
                response = await self._serve(asked)
                span.note("http.response.status_code", response.status_code)
                return response
        except Exception:
            log.exception("a request failed", extra={"requestId": asked.id})
            return self._problem(asked, Internal())

    async def _serve(self, asked: "_Request") -> Response:
        started = time.monotonic()
        code = None
        try:
            response = await self._respond(asked)
        except ConfabError as error:
            response, code = self._problem(asked, error), error.code
        except Exception:
            log.exception("an operation failed", extra={"requestId": asked.id})
            response, code = self._problem(asked, Internal()), Internal.code
        operation = None if asked.route is None else asked.route.operation
        if code is not None:
            self._adapters.telemetry.refused(code, operation or "none")
        log.info(
            "request",
            extra={
                "requestId": asked.id,
                "method": asked.method,
                "operation": operation,
                "conversationId": asked.conversation_id,
                "user": asked.caller and self._adapters.store.pseudonym(asked.caller.uid),
                "status": response.status_code,
                "code": code,
                "ms": round((time.monotonic() - started) * 1000, 1),
                KIND: None if asked.caller is not None and code is None else (operation, code),
            },
        )
        return response

    async def _respond(self, asked: "_Request") -> Response:
        matches, route, headers = asked.matches, asked.route, asked.headers
        if not matches:
            raise NotFound("There is nothing at this path.")
        methods = [match.method for match in matches]
        if asked.method == "OPTIONS":
            return self._response(asked, HTTPStatus.NO_CONTENT, None, self._preflight(headers, methods))
        if route is None:
            raise MethodNotAllowed([*methods, "OPTIONS"])
        caller = asked.caller = await self._adapters.verifier.verify(_bearer_token(headers))
        await self._adapters.require_app(caller, headers.get("x-firebase-appcheck"))
        fields = await self._fields(asked, body=route.body)
        with ExitStack() as until_answered:

            def conversations() -> Conversations:
                until_answered.enter_context(self._under_way.one(caller))
                return self._adapters.conversations

            path, limits = _decoded(matches[route]), self._adapters.config
            answer = await route.handler(Call(caller, path, fields, headers, limits, conversations))
        if answer.resource is None:
            return self._response(asked, answer.status, None, answer.headers)
        body = to_json(self._adapters.views.render(answer.resource), by_alias=True)
        return self._response(
            asked, answer.status, body, {"Content-Type": "application/json", **answer.headers}
        )

    async def _fields(self, asked: "_Request", *, body: bool) -> object:
        """The fields of a request: from its body or its query string, with nothing in the other one."""
        query = _query(asked.request)
        if not body:
            await _require_no_body(asked)
            return query
        if query:
            raise InvalidRequest.field(next(iter(query)), "is in the query string, which is not read")
        _require_no_encoding(asked.request.headers.getlist("content-encoding"))
        data = await _read(asked, self._adapters.config.max_body_bytes)
        if not data:
            return {}
        _require_json(asked.headers)
        return parse_json(data)

    def _preflight(self, headers: Mapping[str, str], methods: Sequence[str]) -> dict[str, str]:
        """The headers that answer an OPTIONS request; raises Forbidden for a foreign origin."""
        allow = {"Allow": ", ".join([*methods, "OPTIONS"])}
        origin = headers.get("origin")
        if origin is None:
            return allow
        if origin not in self._origins:
            raise foreign_origin(origin)
        return allow | {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_S),
        }

    def _problem(self, asked: "_Request", error: ConfabError) -> Response:
        headers = {"Content-Type": "application/problem+json"}
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, MethodNotAllowed):
            headers["Allow"] = ", ".join(error.allow)
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        return self._response(asked, error.status, to_json(problem(error, asked.id)), headers)

    def _response(
        self, asked: "_Request", status: int, body: bytes | None, headers: Mapping[str, str]
    ) -> Response:
        """A response with the shared headers: readable by pages on allowed origins, and never cached.

        Reading is by CORS; nobody embeds it as a script, an image or a frame.
        """
        shared = {
            "X-Request-Id": asked.id,
            "Cache-Control": "no-store",
            "Vary": "Origin",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        }
        if (origin := asked.headers.get("origin", "")) in self._origins:
            shared["Access-Control-Allow-Origin"] = origin
            shared["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        return Response(body, status, {**shared, **headers})


@dataclass(slots=True)
class _Request:
    """A request, with what the edge reads of it more than once."""

    request: Request
    id: str
    """The client's X-Request-Id, or a new one."""
    method: str
    """`_OTHER` for one that HTTP does not define, as OpenTelemetry has it: clients make up any number."""
    headers: Mapping[str, str]
    """As in a `Call`."""
    matches: Mapping[Route, Mapping[str, str]]
    """The routes of the path, whatever its method, with the parameters in it, percent-encoded."""
    route: Route | None
    """The route that has the method too."""
    caller: Principal | None = None
    """Who sends it, once that is known."""

    @classmethod
    def of(cls, request: Request, routes: Sequence[Route]) -> Self:
        """The request, matched with these routes."""
        path = request.scope["raw_path"].decode("latin-1")
        method = request.method if request.method in METHODS else "_OTHER"
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.headers.raw)
        }
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        matches = {route: found for route in routes if (found := route.match(path)) is not None}
        route = next((match for match in matches if match.method == method), None)
        return cls(request, request_id, method, headers, matches, route)

    @property
    def name(self) -> str:
        """The name of its span: its method and its route's path, without ids."""
        return f"{self.method} {next((route.path for route in self.matches), '')}".rstrip()

    @property
    def conversation_id(self) -> str | None:
        """The id in the path, for the log; None if it cannot be one as it is."""
        found = next(iter(self.matches.values()), {}).get("id", "")
        return found if re.fullmatch(ID, found) else None


def _bearer_token(headers: Mapping[str, str]) -> str:
    """The ID token of `Authorization`. Raises Unauthenticated without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send a Firebase ID token as Authorization: Bearer <token>.")
    return token.strip()


def _decoded(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters of a path. Raises InvalidRequest for one that is not percent-encoded UTF-8."""
    decoded = {name: unquote(value, errors="surrogateescape") for name, value in parameters.items()}
    for name, text in decoded.items():
        if not _ENCODED.fullmatch(parameters[name]) or _NO_UTF_8.search(text):
            raise InvalidRequest.field(name, "must be UTF-8, percent-encoded")
    return decoded


def _query(request: Request) -> Mapping[str, object]:
    """The fields of the query string; one that is empty or `null`, as a client writes null, is None."""
    if request.scope["query_string"].count(b"&") >= MAX_FIELDS:
        raise InvalidRequest.field("", f"a query has at most {MAX_FIELDS} fields")
    pairs = request.query_params.multi_items()
    if len(dict(pairs)) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise InvalidRequest.field(counts.most_common(1)[0][0], "is given more than once")
    return {name: None if value in ("", "null") else value for name, value in pairs}


async def _read(asked: _Request, most: int) -> bytes:
    """The body.

    Raises PayloadTooLarge as soon as it is known to be longer than `most` bytes, and InvalidRequest if it
    does not arrive.
    """
    error = PayloadTooLarge(f"A body has at most {most} bytes.")
    declared = asked.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise error
    data = bytearray()
    loop = asyncio.get_running_loop()
    end = loop.time() + BODY_S
    try:
        async with asyncio.timeout(QUIET_S) as deadline:
            async for chunk in asked.request.stream():
                deadline.reschedule(min(end, loop.time() + QUIET_S))
                data += chunk
                if len(data) > most:
                    raise error
    except TimeoutError:
        raise InvalidRequest.field("", "the body did not arrive in time") from None
    except ClientDisconnect:
        raise InvalidRequest.field("", "the body did not arrive") from None
    return bytes(data)


async def _require_no_body(asked: _Request) -> None:
    try:
        await _read(asked, 0)
    except PayloadTooLarge:
        raise InvalidRequest.field("", "this operation takes no body") from None


def _require_no_encoding(encodings: Sequence[str]) -> None:
    """Refuse a compressed body: its size is known only once it is unpacked."""
    if any(encoding.strip().lower() not in ("", "identity") for encoding in encodings):
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")


def _require_json(headers: Mapping[str, str]) -> None:
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.lower().partition("charset=")[2].partition(";")[0].strip().strip('"')
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType("Send the body as application/json in UTF-8.")
