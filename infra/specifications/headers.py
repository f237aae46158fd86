"""The headers of requests and answers."""

from collections.abc import Iterable, Mapping

from confab.domain.errors import MethodNotAllowed, Unauthenticated
from confab.domain.requests import ID, IDEMPOTENCY_KEY
from confab.http import edge
from confab.http.edge import REQUEST_ID
from confab.http.handlers import IDEMPOTENCY_HEADER
from confab.http.routes import ROUTES
from infra.specifications import examples
from infra.specifications.operations import LOCATION
from infra.specifications.problems import EXAMPLE_REQUEST_ID, Kind
from infra.specifications.schemas import Json

_REQUEST_ID = {"type": "string", "pattern": f"^{REQUEST_ID.pattern}$"}
_CONVERSATION = next(route.path for route in ROUTES if route.operation == "get_conversation")
_METHODS = r"[A-Z]+(, [A-Z]+)*"

PARAMETERS: Mapping[str, Json] = {
    "id": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The conversation's id.",
        "schema": {"type": "string", "pattern": ID},
        "example": examples.ID,
    },
    "X-Request-Id": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "An id of the caller's own for this request. One that does not fit is replaced.",
        "schema": _REQUEST_ID,
    },
    IDEMPOTENCY_HEADER: {
        "name": IDEMPOTENCY_HEADER,
        "in": "header",
        "description": (
            "The caller's own key for this conversation. A repeat with the same key and body answers 200 "
            "with the first one, for at least 24 hours."
        ),
        "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY},
        "example": "b3f1c7aa-lamp",
    },
}
"""Parameters that several operations share, or that are no field of a model; by name."""

HEADERS: Mapping[str, Json] = {
    "X-Request-Id": {
        "description": "The caller's, if one was sent and fits, otherwise a new one. The logs have it too.",
        "required": True,
        "schema": _REQUEST_ID,
        "example": EXAMPLE_REQUEST_ID,
    },
    "Cache-Control": {
        "description": "No answer is kept by a cache.",
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    },
    "Vary": {
        "description": "The CORS headers depend on the caller's origin.",
        "required": True,
        "schema": {"type": "string", "pattern": r"(^|, )Origin(,|$)"},
        "example": "Origin",
    },
    "Access-Control-Allow-Origin": {
        "description": "The caller's origin, if it is among `CONFAB_ALLOWED_ORIGINS`.",
        "schema": {"type": "string", "format": "uri"},
    },
    "Access-Control-Expose-Headers": {
        "description": "What a page on an allowed origin may read.",
        "schema": {"type": "string", "const": edge.EXPOSED_HEADERS},
    },
    LOCATION: {
        "description": "The path of the conversation.",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{_CONVERSATION.replace('{id}', ID.strip('^$'))}$"},
        "example": _CONVERSATION.replace("{id}", examples.ID),
    },
    "WWW-Authenticate": {
        "description": "The scheme in which a token is sent.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
    "Retry-After": {
        "description": "Seconds after which the same request may succeed.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Allow": {
        "description": "The methods that the path takes.",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{_METHODS}$"},
        "example": "GET, OPTIONS",
    },
    "Access-Control-Allow-Methods": {
        "description": "The methods that a page on an allowed origin may use.",
        "schema": {"type": "string", "pattern": f"^{_METHODS}$"},
    },
    "Access-Control-Allow-Headers": {
        "description": "The request headers that a page on an allowed origin may send.",
        "schema": {"type": "string", "const": edge.ALLOWED_HEADERS},
    },
    "Access-Control-Max-Age": {
        "description": "Seconds for which a browser may remember this.",
        "schema": {"type": "integer", "const": edge.MAX_AGE_S},
    },
}
"""Every header of an answer, by name."""

EVERYWHERE = (
    "X-Request-Id",
    "Cache-Control",
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
)
PREFLIGHT = (
    "Allow",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Max-Age",
)


def headers(*names: str) -> Json:
    """References to the headers that every answer has, and to these."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*EVERYWHERE, *names)}


def headers_of(kinds: Iterable[Kind]) -> Json:
    """The headers of an answer that tells one of these errors; they share a status."""
    names = set[str]()
    for kind in kinds:
        if kind.status == Unauthenticated.status:
            names.add("WWW-Authenticate")
        if kind is MethodNotAllowed:
            names.add("Allow")
        if kind.retry_after is not None:
            names.add("Retry-After")
    return headers(*sorted(names))
