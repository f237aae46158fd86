"""Every error that a client may get, and its RFC 9457 form.

The classes are one table, a `Kind` each. Raise by name; `problem` renders, once, at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pydantic import ValidationError

MAX_LISTED_ERRORS = 20
"""Errors that an `invalid_request` lists: a response must not be many times the size of its request."""
MAX_PATH_CHARS = 200
"""Characters of a path in an error: a client may name an unknown field as it likes."""


class Kind(NamedTuple):
    """A row of the table."""

    code: str
    status: int
    title: str
    retry_after: int | None = None
    """Seconds after which the same request may succeed, or None if it never will."""


class ConfabError(Exception):
    """An error that is reported to a client. `detail` must be fit for a stranger's eyes."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    retry_after: int | None

    def __init_subclass__(cls, *, kind: Kind | None = None) -> None:
        if kind is not None:  # a subclass without a row is rendered as its base
            cls.code, cls.status, cls.title, cls.retry_after = kind
            ERRORS[kind.code] = cls

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


ERRORS: dict[str, type[ConfabError]] = {}
"""The classes below, by code."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `path` is dotted (`members.1.userId`), "" is the whole."""

    path: str
    message: str


class InvalidRequest(ConfabError, kind=Kind("invalid_request", 400, "The request is not valid")):
    """The request breaks a rule; `errors` names each field, or counts them if there are too many to list."""

    def __init__(self, *errors: FieldError) -> None:
        if len(errors) > MAX_LISTED_ERRORS:
            errors = (_too_many(len(errors)),)
        super().__init__("; ".join(f"{e.path}: {e.message}" if e.path else e.message for e in errors))
        self.errors: Sequence[FieldError] = errors

    @classmethod
    def field(cls, path: str, message: str) -> "InvalidRequest":
        """The error of a single field."""
        return cls(FieldError(path, message))

    @classmethod
    def from_validation(cls, error: ValidationError) -> "InvalidRequest":
        """The fields that a pydantic model rejected, without the rejected values.

        Counts before it renders: rendering an error costs thirty times what finding it did.
        """
        if (count := error.error_count()) > MAX_LISTED_ERRORS:
            return cls(_too_many(count))
        return cls(
            *(
                FieldError(
                    ".".join(str(part) for part in line["loc"])[:MAX_PATH_CHARS],
                    line["msg"].removeprefix("Value error, "),
                )
                for line in error.errors(include_url=False, include_context=False, include_input=False)
            )
        )


def _too_many(count: int) -> FieldError:
    return FieldError("", f"{count} things are wrong, more than the {MAX_LISTED_ERRORS} that are listed")


class Unauthenticated(
    ConfabError, kind=Kind("unauthenticated", 401, "A valid Firebase ID token is required")
):
    """There is no token, or one that does not verify."""


class TokenExpired(ConfabError, kind=Kind("token_expired", 401, "The ID token has expired")):
    """The token was good once."""


class TokenRevoked(ConfabError, kind=Kind("token_revoked", 401, "The ID token has been revoked")):
    """The user signed out everywhere, was disabled or deleted, or is no agent any more."""


class Forbidden(ConfabError, kind=Kind("forbidden", 403, "Not allowed")):
    """The caller is known, but may not do this."""


class NotFound(ConfabError, kind=Kind("not_found", 404, "Not found")):
    """There is no such thing, or the caller may not know that there is."""


class MethodNotAllowed(ConfabError, kind=Kind("method_not_allowed", 405, "Method not allowed")):
    """The path exists, the method does not; `allow` lists those that do."""

    def __init__(self, allow: Sequence[str]) -> None:
        super().__init__(f"This path takes {', '.join(allow)}.")
        self.allow = allow


class ConversationFinalized(
    ConfabError, kind=Kind("conversation_finalized", 409, "The conversation is finalized")
):
    """The log is closed: nothing is numbered after the finalization."""


class IdempotencyConflict(
    ConfabError, kind=Kind("idempotency_conflict", 409, "The idempotency key was used for another request")
):
    """The key was used before with another body."""


class PayloadTooLarge(ConfabError, kind=Kind("payload_too_large", 413, "The payload is too large")):
    """The body or packet is over `CONFAB_MAX_BODY_BYTES`."""


class UnsupportedMediaType(
    ConfabError, kind=Kind("unsupported_media_type", 415, "The media type is not supported")
):
    """The body is not declared as JSON."""


class RateLimited(ConfabError, kind=Kind("rate_limited", 429, "Too many requests", 1)):
    """The caller holds or sends more than its share."""

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Internal(ConfabError, kind=Kind("internal", 500, "Internal error")):
    """A defect of Confab; the request id finds it in the log."""

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side.")


class Unavailable(ConfabError, kind=Kind("unavailable", 503, "The service is temporarily unavailable", 1)):
    """Something that Confab depends on does not answer in time."""

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


MAX_ORIGIN = 200
"""Characters of an origin that are repeated to whoever sent it."""


def foreign_origin(origin: str) -> Forbidden:
    """The refusal of a page on an origin that is not allowed."""
    return Forbidden(f"The origin {origin[:MAX_ORIGIN]} is not among CONFAB_ALLOWED_ORIGINS.")


def problem(error: ConfabError, request_id: str) -> dict[str, Any]:
    """The RFC 9457 problem object of an error, the same over REST and over a socket."""
    wait = "" if error.retry_after is None else f" Try again in {error.retry_after} s."
    body: dict[str, Any] = {
        "type": f"urn:confab:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail + wait,
        "code": error.code,
        "requestId": request_id,
    }
    if isinstance(error, InvalidRequest):
        body["errors"] = [{"path": e.path, "message": e.message} for e in error.errors]
    return body
