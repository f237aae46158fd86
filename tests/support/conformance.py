"""Holds what the functions, the sockets and the bus say against the committed documents."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator
from referencing import Registry, Specification
from referencing.jsonschema import DRAFT7, DRAFT202012

Json = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "public/reference"
UNDOCUMENTED_PATH = "#/components/responses/NotFound"
PLUMBING = {"content-type", "content-length"}
"""Headers of HTTP itself, which a document does not list."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which documented answer an answer is."""

    operation: str | None
    """None for a path or a method that is not documented, and is refused as documented."""
    status: int
    code: str | None
    """The error's; None for a success."""


class Document:
    """A document whose parts are named by JSON pointers."""

    def __init__(self, content: Json, dialect: type[Validator], specification: Specification[Any]) -> None:
        self.content = content
        self._dialect = dialect
        self._registry = Registry().with_resource("urn:document", specification.create_resource(content))

    def at(self, pointer: str) -> Json:
        """The part that a pointer names."""
        part: Any = self.content
        for step in pointer.removeprefix("#/").split("/"):
            part = part[step.replace("~1", "/").replace("~0", "~")]
        found: Json = part
        return found

    def resolved(self, pointer: str) -> str:
        """The pointer itself, or where the reference that stands there leads."""
        return str(self.at(pointer).get("$ref", pointer))

    def faults(self, pointer: str, value: Any) -> list[str]:
        """What is wrong with a value by the schema at a pointer."""
        validator = self._dialect(
            {"$ref": f"urn:document{pointer}"},
            registry=self._registry,
            format_checker=FormatChecker(),
        )
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


class RestDocument(Document):
    """The OpenAPI document."""

    def __init__(self, content: Json) -> None:
        super().__init__(content, Draft202012Validator, DRAFT202012)

    def check(self, answer: httpx.Response, *, closed: bool = True) -> Outcome:
        """Which documented answer this is; fails if it is none, or not as documented.

        Unless `closed`, headers that are not documented are passed over: proxies add some.
        """
        request = answer.request
        operation, pointer = self._response(request.method, request.url.path, answer.status_code)
        self._check_headers(pointer, answer.headers, closed=closed)
        return Outcome(operation, answer.status_code, self._check_body(pointer, answer))

    def _response(self, method: str, path: str, status: int) -> tuple[str | None, str]:
        """The operation that was asked, and the pointer to the answer that it may give."""
        item = next((template for template in self.content["paths"] if _matches(template, path)), None)
        if item is None:
            assert status == HTTPStatus.NOT_FOUND, f"{path} is not documented, and answered {status}"
            return None, UNDOCUMENTED_PATH
        pointer = f"#/paths/{item.replace('/', '~1')}"
        operations = {name: part for name, part in self.at(pointer).items() if name != "parameters"}
        name = method.lower()
        if name not in operations:
            assert status == HTTPStatus.METHOD_NOT_ALLOWED, f"{method} {item} is not documented"
            return None, self.resolved(f"{pointer}/{next(iter(operations))}/responses/{status}")
        assert str(status) in operations[name]["responses"], f"{method} {item}: {status} is not documented"
        return operations[name]["operationId"], self.resolved(f"{pointer}/{name}/responses/{status}")

    def _check_headers(self, pointer: str, given: Mapping[str, str], *, closed: bool) -> None:
        documented = self.at(pointer)["headers"]
        for name in documented:
            header = self.resolved(f"{pointer}/headers/{name}")
            if name in given:
                whole = self.at(header)["schema"]["type"] == "integer"
                faults = self.faults(f"{header}/schema", int(given[name]) if whole else given[name])
                assert not faults, f"{name}: {faults}"
            else:
                assert not self.at(header).get("required"), f"{name} is missing"
        others = {name.lower() for name in given} - {name.lower() for name in documented} - PLUMBING
        assert not closed or not others, f"headers that are not documented: {others}"

    def _check_body(self, pointer: str, answer: httpx.Response) -> str | None:
        contents = self.at(pointer).get("content", {})
        if not contents:
            assert not answer.content, answer.text
            return None
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in contents, f"{media_type} is not documented"
        faults = self.faults(
            f"{pointer}/content/{media_type.replace('/', '~1')}/schema", body := answer.json()
        )
        assert not faults, f"{faults}\n{answer.text}"
        return body["code"] if media_type == "application/problem+json" else None


class EventDocument(Document):
    """The AsyncAPI document."""

    def __init__(self, content: Json) -> None:
        super().__init__(content, Draft7Validator, DRAFT7)

    def check(self, message: str, payload: object, headers: Mapping[str, str] | None = None) -> None:
        """Fail if this is not the message with that key (`join.accepted`, `message.created`)."""
        pointer = f"#/components/messages/{message}"
        faults = self.faults(f"{pointer}/payload", payload)
        assert not faults, f"{message}: {faults}\n{payload}"
        if headers is not None:
            faults = self.faults(f"{pointer}/headers", dict(headers))
            assert not faults, f"{message}: {faults}"

    def which(self, channel: str, payload: object) -> list[str]:
        """The keys of the channel's messages that a payload can be."""
        keys = self.content["channels"][channel]["messages"]
        return [key for key in keys if not self.faults(f"#/components/messages/{key}/payload", payload)]


def rest_document() -> RestDocument:
    """The committed OpenAPI document."""
    return RestDocument(json.loads((FOLDER / "openapi.json").read_text()))


def event_document() -> EventDocument:
    """The committed AsyncAPI document."""
    return EventDocument(json.loads((FOLDER / "asyncapi.json").read_text()))


def _matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path) is not None
