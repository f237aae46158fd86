"""Every error that Confab tells a client, and its RFC 9457 form.

Raise by name; `problem` renders, once, at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import ValidationError

ErrorCode = Literal[
    "invalid_request",
    "unauthenticated",
    "token_expired",
    "token_revoked",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "conversation_finalized",
    "idempotency_conflict",
    "payload_too_large",
    "unsupported_media_type",
    "rate_limited",
    "internal",
    "unavailable",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `path` is dotted (`members.1.userId`), "" is the whole."""

    path: str
    message: str


class ConfabError(Exception):
    """An error that a client is told about. `detail` must be fit for a stranger's eyes."""

    code: ClassVar[ErrorCode]
    status: ClassVar[int]
    title: ClassVar[str]
    retry_after: int | None = None
    """Seconds after which the same request may succeed, or None if it never will."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


MAX_LISTED_ERRORS = 20
"""Errors that an `invalid_request` lists: what a client sent must not come back many times its size."""
MAX_PATH_CHARS = 200
"""Characters of a path that are told: a client may name an unknown field as it likes."""


class InvalidRequest(ConfabError):
    """The request breaks a rule; `errors` names each field, or counts them if there are too many to list."""

    code = "invalid_request"
    status = 400
    title = "The request is not valid"

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
        """The fields that a pydantic model refused, without the refused values.

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


class Unauthenticated(ConfabError):
    """There is no token, or one that does not verify."""

    code = "unauthenticated"
    status = 401
    title = "A valid Firebase ID token is required"


class TokenExpired(ConfabError):
    """The token was good once."""

    code = "token_expired"
    status = 401
    title = "The ID token has expired"


class TokenRevoked(ConfabError):
    """The user signed out everywhere, was disabled or was deleted."""

    code = "token_revoked"
    status = 401
    title = "The ID token has been revoked"


class Forbidden(ConfabError):
    """The caller may read the conversation, but may not do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class NotFound(ConfabError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    status = 404
    title = "Not found"


class MethodNotAllowed(ConfabError):
    """The path exists, the method does not; `allow` lists those that do."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"

    def __init__(self, allow: Sequence[str]) -> None:
        super().__init__(f"This path takes {', '.join(allow)}.")
        self.allow = allow


class ConversationFinalized(ConfabError):
    """The log is closed: nothing is numbered after the finalization."""

    code = "conversation_finalized"
    status = 409
    title = "The conversation is finalized"


class IdempotencyConflict(ConfabError):
    """The key was used before with another body."""

    code = "idempotency_conflict"
    status = 409
    title = "The idempotency key was used for another request"


class PayloadTooLarge(ConfabError):
    """The body or packet is over `CONFAB_MAX_BODY_BYTES`."""

    code = "payload_too_large"
    status = 413
    title = "The payload is too large"


class UnsupportedMediaType(ConfabError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"
    status = 415
    title = "The media type is not supported"


class RateLimited(ConfabError):
    """The caller holds or sends more than its share."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"
    retry_after = 1

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Internal(ConfabError):
    """A defect of Confab; the request id finds it in the log."""

    code = "internal"
    status = 500
    title = "Internal error"


class Unavailable(ConfabError):
    """Something that Confab depends on does not answer in time."""

    code = "unavailable"
    status = 503
    title = "The service is temporarily unavailable"
    retry_after = 1


def problem(error: ConfabError, request_id: str) -> dict[str, Any]:
    """The RFC 9457 problem object of an error, the same over REST and over a socket."""
    body: dict[str, Any] = {
        "type": f"urn:confab:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "requestId": request_id,
    }
    if isinstance(error, InvalidRequest):
        body["errors"] = [{"path": e.path, "message": e.message} for e in error.errors]
    return body
