"""The table of errors as schemas, each with an example that the code itself renders."""

from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter

from confab.domain import access, errors
from confab.domain.errors import (
    ConfabError,
    ConversationFinalized,
    FieldError,
    Forbidden,
    IdempotencyConflict,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    TokenExpired,
    TokenRevoked,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    problem,
)
from confab.http.edge import REQUEST_ID
from infra.specifications.schemas import Generator, Json
from infra.specifications.words import FIELDS, LIMITS

Kind = type[ConfabError]

KINDS: Mapping[str, Kind] = errors.ERRORS
"""Every error by its code."""
EXAMPLE_REQUEST_ID = "5f0c2d9b8a1e4c0f9a7d3b6e2c1f4a88"
EXAMPLES: Mapping[str, ConfabError] = {
    error.code: error
    for error in (
        InvalidRequest.field("content", "must not be empty"),
        Unauthenticated("The ID token is not valid for this project."),
        TokenExpired("The ID token has expired; get a new one."),
        TokenRevoked("The ID token has been revoked; sign in again."),
        Forbidden("Your access to this conversation is read only."),
        NotFound(access.NO_CONVERSATION),
        MethodNotAllowed(["GET", "OPTIONS"]),
        ConversationFinalized("This conversation is finalized."),
        IdempotencyConflict("The key was used for a different request."),
        PayloadTooLarge(f"A body has at most {LIMITS.max_body_bytes} bytes."),
        UnsupportedMediaType("Send the body as application/json in UTF-8."),
        RateLimited("At most 20 messages in 10 s. Try again in 3 s.", retry_after=3),
        Internal("Something went wrong on our side."),
        Unavailable("The store does not answer."),
    )
}


def name_of(kind: Kind) -> str:
    """The name of an error's schema."""
    return f"{kind.__name__}Problem"


def example_of(kind: Kind) -> Json:
    """The problem object of an example of this error."""
    return problem(EXAMPLES[kind.code], EXAMPLE_REQUEST_ID)


def problems(kinds: Iterable[Kind]) -> Json:
    """A schema that takes the problem of any of these errors and no other."""
    refs = [{"$ref": f"#/components/schemas/{name_of(kind)}"} for kind in kinds]
    return refs[0] if len(refs) == 1 else {"oneOf": refs}


def problem_schemas(kinds: Iterable[Kind]) -> Json:
    """The schemas of these errors' problems and of what they refer to, by name."""
    field = TypeAdapter(FieldError).json_schema(schema_generator=Generator)
    return {name_of(kind): _schema(kind) for kind in kinds} | {FieldError.__name__: field}


def _schema(kind: Kind) -> Json:
    example = example_of(kind)
    return {
        "description": kind.__doc__,
        "type": "object",
        "properties": {name: _property(name, value) for name, value in example.items()},
        "required": list(example),
        "additionalProperties": False,
    }


def _property(name: str, value: object) -> Json:
    """The schema of a member of a problem; what is not said of it alone is constant."""
    particular: Mapping[str, Json] = {
        "detail": {"type": "string"},
        "requestId": {"type": "string", "pattern": f"^{REQUEST_ID.pattern}$"},
        "errors": {
            "type": "array",
            "items": {"$ref": f"#/components/schemas/{FieldError.__name__}"},
            "minItems": 1,
        },
    }
    constant = {"type": "integer" if isinstance(value, int) else "string", "const": value}
    return {"description": FIELDS[f"Problem.{name}"]} | particular.get(name, constant)
