"""The OpenAPI 3.1 document of the REST operations."""

import itertools
from collections.abc import Mapping, Sequence

from confab.config import Config
from confab.domain.errors import Forbidden
from confab.http.routes import ROUTES, Route, functions
from infra.specifications.answers import answers_of, refusals, shared_answers
from infra.specifications.document import TOKEN, info
from infra.specifications.headers import HEADERS, PARAMETERS, PREFLIGHT, headers
from infra.specifications.operations import Operation, errors_of, operations
from infra.specifications.problems import KINDS, Kind, name_of, problem_schemas, problems
from infra.specifications.schemas import Json, not_null, schemas_of
from infra.specifications.words import LIMITS

PREFLIGHT_ERRORS: Sequence[Kind] = (Forbidden,)
MAX_BODY = Config.model_fields["max_body_bytes"].alias
ABOUT = f"""\
Conversations between people and assistants. This is the REST side; what is told live is in the AsyncAPI \
document.

Every call carries a Firebase ID token. Times are RFC 3339 in UTC with milliseconds. Fields and query \
parameters that are not listed are refused. A body has at most {LIMITS.max_body_bytes} bytes \
(`{MAX_BODY}`). Bounds are those of a deployment that sets none of its own.

An error is an RFC 9457 problem object: decide on its `code`. A path that is not listed answers \
`not_found`."""


def openapi() -> Json:
    """The document."""
    table = operations()
    by_path = itertools.groupby(ROUTES, key=lambda route: route.path)
    return {
        "openapi": "3.1.0",
        "info": info("Confab REST API", ABOUT),
        "servers": [{"url": "/", "description": "The site that serves the web app."}],
        "security": [{"firebase": []}],
        "tags": [
            {"name": "conversations", "description": "What a user does."},
            {"name": "preflight", "description": "What a browser asks first, from another origin."},
        ],
        "paths": {path: _path(path, list(routes), table) for path, routes in by_path},
        "components": _components(table),
    }


def _path(path: str, routes: Sequence[Route], table: Mapping[str, Operation]) -> Json:
    shared = ["id", "X-Request-Id"] if "{id}" in path else ["X-Request-Id"]
    item: Json = {"parameters": [_parameter(name) for name in shared]}
    for route in routes:
        item[route.method.lower()] = _operation(route, table[route.operation])
    return item | {"options": _preflight(routes)}


def _operation(route: Route, operation: Operation) -> Json:
    described: Json = {
        "operationId": route.operation,
        "tags": ["conversations"],
        "summary": route.summary,
        "description": operation.about,
    }
    parameters = [_parameter(name) for name in operation.takes]
    if route.body:
        described["requestBody"] = _body(operation)
    else:
        parameters += _query(operation)
    if parameters:
        described["parameters"] = parameters
    return described | {"responses": answers_of(route, operation)}


def _body(operation: Operation) -> Json:
    schema = _schemas(operation)[operation.request.__name__]
    return {
        "required": "required" in schema,
        "content": {
            "application/json": {
                "schema": {"$ref": f"#/components/schemas/{operation.request.__name__}"},
                "example": operation.fields,
            }
        },
    }


def _query(operation: Operation) -> list[Json]:
    fields = _schemas(operation)[operation.request.__name__]["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "description": schema["description"],
            "schema": {key: value for key, value in not_null(schema).items() if key != "description"},
        }
        for name, schema in fields.items()
    ]


def _preflight(routes: Sequence[Route]) -> Json:
    """A browser's question before it calls from another origin."""
    serving = [name for name, served in functions().items() if routes[0] in served][-1]
    return {
        "operationId": f"preflight_{serving}",
        "tags": ["preflight"],
        "summary": "Ask what a page on another origin may do",
        "description": "Needs no token. From an origin that is not allowed it is refused.",
        "security": [],
        "responses": {
            "204": {"description": "What is allowed.", "headers": headers(*PREFLIGHT)},
            **refusals(PREFLIGHT_ERRORS),
        },
    }


def _components(table: Mapping[str, Operation]) -> Json:
    told = [errors_of(route, table[route.operation]) for route in ROUTES]
    bodies = [table[route.operation].request for route in ROUTES if route.body]
    schemas = schemas_of(bodies, [operation.answer for operation in table.values()])
    every = {
        **problems(KINDS.values()),
        "description": "Any error.",
        "discriminator": {
            "propertyName": "code",
            "mapping": {code: f"#/components/schemas/{name_of(kind)}" for code, kind in KINDS.items()},
        },
    }
    return {
        "securitySchemes": {"firebase": TOKEN},
        "parameters": dict(PARAMETERS),
        "headers": dict(HEADERS),
        "responses": shared_answers([*told, PREFLIGHT_ERRORS]),
        "schemas": {**schemas, "Problem": every, **problem_schemas(KINDS.values())},
    }


def _schemas(operation: Operation) -> Mapping[str, Json]:
    return schemas_of([operation.request], [])


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}
