"""Cross-origin rules: browsers on the allowed origins may call, and nobody else is invited."""

from collections.abc import Collection, Mapping, Sequence

from confab.domain.errors import Forbidden

MAX_AGE_S = 3600
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, traceparent, X-Request-Id"
EXPOSED_HEADERS = "Location, Retry-After, WWW-Authenticate, X-Request-Id"


def headers(request: Mapping[str, str], origins: Collection[str]) -> dict[str, str]:
    """The headers that let a page on an allowed origin read the answer."""
    shared = {"Vary": "Origin"}
    if (origin := request.get("origin")) in origins and origin is not None:
        shared |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED_HEADERS,
        }
    return shared


def preflight(request: Mapping[str, str], origins: Collection[str], methods: Sequence[str]) -> dict[str, str]:
    """The headers that answer an OPTIONS request; raises Forbidden for a foreign origin."""
    answer = {"Allow": ", ".join([*methods, "OPTIONS"])}
    origin = request.get("origin")
    if origin is None:
        return answer
    if origin not in origins:
        raise Forbidden("This origin is not among CONFAB_ALLOWED_ORIGINS.")
    return answer | {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE_S),
    }
