"""Holds what the functions, the sockets and the bus send against the documents of `public/reference`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "public/reference"
BASE = "https://confab.example/reference/"
REST, EVENTS = "openapi.yaml", "asyncapi.yaml"
PROBLEM = f"{REST}#/components/schemas/Problem"
"""An error as the table has it; a message says only which codes it may have."""
PROBLEM_JSON = "application/problem+json"
NOT_OPERATIONS = {"parameters"}
"""Keys of a path item beside its operations."""
PREFLIGHT = {HTTPStatus.NO_CONTENT: "Preflight", HTTPStatus.FORBIDDEN: "Forbidden"}
"""The shared responses to OPTIONS, which every path takes."""
PLUMBING = {"content-type", "content-length"}
"""Headers of HTTP itself, which a document does not list."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which documented response a response is."""

    operation: str | None
    """None for a preflight, and for a path or a method that no operation has."""
    status: int
    code: str | None
    """The error's; None for a success."""


class Document:
    """A document whose parts are named by JSON pointers; it may refer to the other document."""

    def __init__(self, name: str, contents: Mapping[str, Json]) -> None:
        self.content = contents[name]
        self._base = f"{BASE}{name}"
        self._registry: Registry[Any] = Registry().with_resources(
            (f"{BASE}{each}", DRAFT202012.create_resource(content)) for each, content in contents.items()
        )
        self.at = cache(self._at)
        self._validator = cache(self._validator_of)
        self._header_faults = cache(self.faults)  # values of headers are few and texts

    def _at(self, reference: str) -> Any:
        """The part that a pointer, or a reference into the other document, names."""
        return self._registry.resolver(self._base).lookup(reference).contents

    def _validator_of(self, pointer: str) -> Draft202012Validator:
        schema = {"$ref": urljoin(self._base, pointer)}
        return Draft202012Validator(schema, registry=self._registry, format_checker=FormatChecker())

    def resolved(self, pointer: str) -> str:
        """The pointer itself, or where the reference that stands there leads."""
        return str(self.at(pointer).get("$ref", pointer))

    def faults(self, pointer: str, value: object) -> list[str]:
        """What is wrong with a value by the schema at a pointer, or at one into the other document."""
        return [
            f"{error.json_path}: {error.message}" for error in self._validator(pointer).iter_errors(value)
        ]

    def require(self, pointer: str, value: object, what: str) -> None:
        """Fail if anything is wrong with a value."""
        faults = self.faults(pointer, value)
        assert not faults, f"{what}: {faults}"


class RestDocument(Document):
    """The OpenAPI document."""

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """The path, the method and the description of each operation."""
        for path, item in self.content["paths"].items():
            yield from ((path, method, item[method]) for method in item if method not in NOT_OPERATIONS)

    def check(self, response: httpx.Response, *, closed: bool = True) -> Outcome:
        """Which documented response this is; fails if it is none, or not as documented.

        Unless `closed`, headers that are not documented are ignored: proxies add some.
        """
        request = response.request
        path = request.url.raw_path.partition(b"?")[0].decode()  # a user's id may hold an encoded slash
        operation, pointer = self._response(request.method, path, response.status_code)
        self._check_headers(pointer, response.headers, closed=closed)
        return Outcome(operation, response.status_code, self._check_body(pointer, response))

    def _response(self, method: str, path: str, status: int) -> tuple[str | None, str]:
        """The operation that was called, and the pointer to the response that it may give."""
        shared = "#/components/responses"
        item = next((template for template in self.content["paths"] if _matches(template, path)), None)
        if item is None:
            assert status == HTTPStatus.NOT_FOUND, f"{path} is not documented, and responded {status}"
            return None, f"{shared}/NotFound"
        if method == "OPTIONS":
            assert status in PREFLIGHT, f"a preflight responded {status}"
            return None, f"{shared}/{PREFLIGHT[HTTPStatus(status)]}"
        name, pointer = method.lower(), f"#/paths/{item.replace('/', '~1')}"
        if name not in self.at(pointer):
            assert status == HTTPStatus.METHOD_NOT_ALLOWED, f"{method} {item} is not documented"
            return None, f"{shared}/MethodNotAllowed"
        operation = self.at(f"{pointer}/{name}")
        assert str(status) in operation["responses"], f"{method} {item}: {status} is not documented"
        return operation["operationId"], self.resolved(f"{pointer}/{name}/responses/{status}")

    def _check_headers(self, pointer: str, given: Mapping[str, str], *, closed: bool) -> None:
        everywhere = self.content["components"]["headers"]
        documented = {
            name: f"#/components/headers/{name}"
            for name, header in everywhere.items()
            if header.get("x-every-response")
        }
        for name in self.at(pointer).get("headers", {}):
            documented[name] = self.resolved(f"{pointer}/headers/{name}")
        for name, header in documented.items():
            if name in given:
                schema = self.at(self.resolved(f"{header}/schema"))
                value = int(given[name]) if schema["type"] == "integer" else given[name]
                faults = self._header_faults(f"{header}/schema", value)
                assert not faults, f"{name}: {faults}"
            else:
                assert not self.at(header).get("required"), f"{name} is missing"
        others = {name.lower() for name in given} - {name.lower() for name in documented} - PLUMBING
        assert not closed or not others, f"headers that are not documented: {others}"

    def _check_body(self, pointer: str, response: httpx.Response) -> str | None:
        contents = self.at(pointer).get("content", {})
        if not contents:
            assert not response.content, response.text
            return None
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in contents, f"{media_type} is not documented"
        body = response.json()
        schema = f"{pointer}/content/{media_type.replace('/', '~1')}/schema"
        self.require(schema, body, response.text)
        return body["code"] if media_type == PROBLEM_JSON else None


class EventDocument(Document):
    """The AsyncAPI document."""

    def message(self, key: str) -> str:
        """The pointer to the message with that key (`join.ack`, `message.created`)."""
        for name, part in self.content["channels"].items():
            if key in part["messages"]:
                return f"#/channels/{name}/messages/{key}"
        raise AssertionError(f"{key} is not documented")

    def check(self, key: str, payload: object, headers: Mapping[str, str] | None = None) -> None:
        """Fail if this is not the message with that key."""
        pointer = self.message(key)
        self.require(f"{pointer}/payload", payload, key)
        if key.endswith(".error"):
            assert isinstance(payload, dict)
            self.require(PROBLEM, payload["data" if key == "connect.error" else "error"], key)
        if headers is not None:
            self.require(f"{pointer}/headers", dict(headers), key)

    def which(self, channel: str, payload: object) -> list[str]:
        """The keys of the channel's messages that a payload can be."""
        keys = self.content["channels"][channel]["messages"]
        return [key for key in keys if not self.faults(f"{self.message(key)}/payload", payload)]


@cache
def contents() -> Mapping[str, Json]:
    """Both documents as they are written."""
    return {name: yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) for name in (REST, EVENTS)}


def rest_document() -> RestDocument:
    """The OpenAPI document."""
    return RestDocument(REST, contents())


def event_document() -> EventDocument:
    """The AsyncAPI document."""
    return EventDocument(EVENTS, contents())


def _matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path) is not None
