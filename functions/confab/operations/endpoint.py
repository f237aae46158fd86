"""The edge of every function: from an HTTP request to a use case and back.

What all operations share stands here once: request ids, CORS, methods, authentication, bodies
within their bounds, and the rendering of answers and of problems.
"""

import asyncio
import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple, Self

from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from confab import trace
from confab.domain.errors import (
    ConfabError,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
    problem,
)
from confab.domain.models import Principal
from confab.domain.requests import ID, MAX_FIELDS, parse_json
from confab.operations import cors
from confab.operations.routes import Route
from confab.wiring import Ports

log = logging.getLogger(__name__)

BODY_DEADLINE_S = 10
"""Seconds within which a body must have arrived."""
DEFECT = Internal("Something went wrong on our side.")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation is asked: by whom, for which conversation, with which fields."""

    caller: Principal
    conversation_id: str
    fields: Mapping[str, object]
    headers: Mapping[str, str]
    """Of each name in lower case the first value."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers."""

    status: int
    body: Mapping[str, Any]
    """JSON; models in it are rendered as they are on the wire."""
    headers: Mapping[str, str] = field(default_factory=dict)


Operation = Callable[[Call, Ports], Awaitable[Answer]]


class Endpoint:
    """Serves some routes over HTTP. Calling it with a request never raises."""

    def __init__(self, operations: Mapping[Route, Operation], ports: Ports) -> None:
        self._operations = operations
        self._ports = ports
        self._origins = frozenset(ports.config.allowed_origins)

    async def __call__(self, request: Request) -> Response:
        """The answer to a request: the operation's, or a problem."""
        asked = _Asked.of(request, self._operations)
        request_id = _request_id(asked)
        try:
            with self._ports.telemetry.span(asked.name, trace.of_request(asked.headers)) as span:
                response = await self._serve(asked, request_id)
                span.note("http.response.status_code", response.status_code)
                return response
        except Exception:
            log.exception("a request failed", extra={"requestId": request_id})
            return self._render(asked, _problem_answer(DEFECT, request_id), request_id)

    async def _serve(self, asked: "_Asked", request_id: str) -> Response:
        started = time.monotonic()
        code = None
        try:
            answer = await self._answer(asked)
        except ConfabError as error:
            answer, code = _problem_answer(error, request_id), error.code
        except Exception:
            log.exception("an operation failed", extra={"requestId": request_id})
            answer, code = _problem_answer(DEFECT, request_id), DEFECT.code
        log.info(
            "request",
            extra={
                "requestId": request_id,
                "method": asked.method,
                "operation": None if asked.route is None else asked.route.operation,
                "conversationId": _conversation_id(asked.matches),
                "status": answer.status,
                "code": code,
                "ms": round((time.monotonic() - started) * 1000, 1),
            },
        )
        return self._render(asked, answer, request_id)

    async def _answer(self, asked: "_Asked") -> Answer:
        matches, route, headers = asked.matches, asked.route, asked.headers
        if not matches:
            raise NotFound("There is nothing at this path.")
        methods = [match.method for match in matches]
        if asked.method == "OPTIONS":
            return Answer(HTTPStatus.NO_CONTENT, {}, cors.preflight(headers, self._origins, methods))
        if route is None:
            raise MethodNotAllowed([*methods, "OPTIONS"])
        caller = await self._ports.verifier.verify(_bearer_token(headers))
        fields = await self._body(asked) if route.body else _query(asked.request)
        return await self._operations[route](Call(caller, matches[route], fields, headers), self._ports)

    async def _body(self, asked: "_Asked") -> Mapping[str, object]:
        _require_no_encoding(asked.headers)
        try:
            async with asyncio.timeout(BODY_DEADLINE_S):
                data = await _read(asked, self._ports.config.max_body_bytes)
        except TimeoutError:
            raise InvalidRequest.field("", f"the body did not arrive within {BODY_DEADLINE_S} s") from None
        except ClientDisconnect:
            raise InvalidRequest.field("", "the body did not arrive") from None
        if not data:
            return {}
        _require_json(asked.headers)
        fields = parse_json(data)
        if not isinstance(fields, dict):
            raise InvalidRequest.field("", "must be a JSON object")
        return fields

    def _render(self, asked: "_Asked", answer: Answer, request_id: str) -> Response:
        headers = {
            "X-Request-Id": request_id,
            "Cache-Control": "no-store",
            **cors.headers(asked.headers, self._origins),
            **answer.headers,
        }
        if answer.status == HTTPStatus.NO_CONTENT:
            return Response(status_code=204, headers=headers)
        headers.setdefault("Content-Type", "application/json")
        return Response(to_json(answer.body, by_alias=True), answer.status, headers)


class _Asked(NamedTuple):
    """A request, and what is looked at in it more than once."""

    request: Request
    method: str
    headers: Mapping[str, str]
    """As in a `Call`."""
    matches: Mapping[Route, str]
    """The routes of the path, whatever its method, with the conversation's id in it."""
    route: Route | None
    """The one of the method."""

    @classmethod
    def of(cls, request: Request, routes: Iterable[Route]) -> Self:
        """The request as these routes see it."""
        method, path = request.method, request.scope["path"]
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.headers.raw)
        }
        matches = {route: found for route in routes if (found := route.match(path)) is not None}
        route = next((match for match in matches if match.method == method), None)
        return cls(request, method, headers, matches, route)

    @property
    def name(self) -> str:
        """The request without what tells one from another: its method and its route's path."""
        return f"{self.method} {next((route.path for route in self.matches), '')}".rstrip()


def _request_id(asked: _Asked) -> str:
    given = asked.headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _conversation_id(matches: Mapping[Route, str]) -> str | None:
    """The id in the path, unless it is something that cannot be one."""
    found = next(iter(matches.values()), "")
    return found if re.fullmatch(ID, found) else None


def _bearer_token(headers: Mapping[str, str]) -> str:
    """The token that is to be verified. An API Gateway calls with its own and moves the caller's aside."""
    given = headers.get("x-forwarded-authorization") or headers.get("authorization", "")
    scheme, _, token = given.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send a Firebase ID token as Authorization: Bearer <token>.")
    return token.strip()


def _query(request: Request) -> Mapping[str, object]:
    if request.scope["query_string"].count(b"&") >= MAX_FIELDS:
        raise InvalidRequest.field("", f"a query has at most {MAX_FIELDS} fields")
    pairs = request.query_params.multi_items()
    fields = dict(pairs)
    if len(fields) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise InvalidRequest.field(counts.most_common(1)[0][0], "is given more than once")
    return fields


async def _read(asked: _Asked, most: int) -> bytes:
    """The body; raises PayloadTooLarge as soon as it is known to be longer than `most` bytes."""
    error = PayloadTooLarge(f"A body has at most {most} bytes.")
    declared = asked.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise error
    data = bytearray()
    async for chunk in asked.request.stream():
        data += chunk
        if len(data) > most:
            raise error
    return bytes(data)


def _require_no_encoding(headers: Mapping[str, str]) -> None:
    """Refuse a compressed body: its size is known only once it is unpacked."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")


def _require_json(headers: Mapping[str, str]) -> None:
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].strip().strip('"').lower()
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise UnsupportedMediaType("Send the body as application/json in UTF-8.")


def _problem_answer(error: ConfabError, request_id: str) -> Answer:
    headers = {"Content-Type": "application/problem+json"}
    if error.status == Unauthenticated.status:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allow)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Answer(error.status, problem(error, request_id), headers)
