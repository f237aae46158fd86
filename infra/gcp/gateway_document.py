"""The OpenAPI 2.0 document that tells API Gateway which function serves what."""

from collections.abc import Mapping, Sequence
from typing import Any

from confab.operations.routes import ROUTES, Route, functions
from infra.gcp.settings import FUNCTION_TIMEOUT_S
from infra.specifications.openapi import openapi

KEYS = "https://www.googleapis.com/service_accounts/v1/metadata/x509/securetoken@system.gserviceaccount.com"
"""The public keys of Firebase ID tokens."""


def gateway_document(project: str, addresses: Mapping[str, str]) -> dict[str, Any]:
    """The document, given the project of the users and each function's address.

    A token is checked before a function is called, and a call goes to the function of its own
    operation by its method. A preflight carries no token; it goes to whoever serves the whole path.
    """
    paths: dict[str, dict[str, Any]] = {}
    promised = openapi()["paths"]
    for route in ROUTES:
        path, method = paths.setdefault(route.path, _path(route, addresses)), route.method.lower()
        operation = _operation(route.operation, route.summary, addresses[route.operation])
        path[method] = operation | {"parameters": _query(promised[route.path][method])}
    return {
        "swagger": "2.0",
        "info": {"title": "Confab", "version": "1"},
        "schemes": ["https"],
        "produces": ["application/json", "application/problem+json"],
        "security": [{"firebase": []}],
        "securityDefinitions": {"firebase": _firebase(project)},
        "paths": paths,
    }


def serving(path: str) -> str:
    """The function that serves every method of a path."""
    routes = {route for route in ROUTES if route.path == path}
    return next(name for name, served in functions().items() if routes <= set(served))


def _path(route: Route, addresses: Mapping[str, str]) -> dict[str, Any]:
    name = serving(route.path)
    preflight = _operation(f"preflight_{name}", "Ask what a page may do", addresses[name])
    item: dict[str, Any] = {"options": preflight | {"security": []}}
    if "{id}" in route.path:
        item["parameters"] = [{"name": "id", "in": "path", "required": True, "type": "string"}]
    return item


def _operation(operation: str, summary: str, address: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "x-google-backend": {
            "address": address,
            "path_translation": "APPEND_PATH_TO_ADDRESS",
            "deadline": float(FUNCTION_TIMEOUT_S),
        },
        "responses": {"default": {"description": "What the function answers"}},
    }


def _query(operation: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The query string of an operation of the OpenAPI document, in the words of OpenAPI 2.0."""
    return [
        {key: each[key] for key in ("name", "in", "description")} | {"type": each["schema"]["type"]}
        for each in operation.get("parameters", ())
        if each.get("in") == "query"
    ]


def _firebase(project: str) -> dict[str, Any]:
    return {
        "type": "oauth2",
        "flow": "implicit",
        "authorizationUrl": "",
        "x-google-issuer": f"https://securetoken.google.com/{project}",
        "x-google-jwks_uri": KEYS,
        "x-google-audiences": project,
    }
