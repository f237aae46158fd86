"""The documents of `public/reference` are valid, and agree with the models, the routes and the errors."""

import json
import re
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft7Validator, FormatChecker
from openapi_spec_validator import validate

from confab.config import Config
from confab.domain.cells import new_id
from confab.domain.entries import Entry
from confab.domain.entries.message import message_id
from confab.domain.errors import ERRORS
from confab.domain.events import Event
from confab.domain.requests import MAX_SEQ
from confab.http.routes import ROUTES
from tests.support.conformance import event_document, rest_document

ROOT = Path(__file__).parents[2]
ASYNCAPI_SCHEMA = ROOT / "node_modules/@asyncapi/specs/schemas/3.0.0.json"
REST, EVENTS = rest_document(), event_document()
BOTH = pytest.mark.parametrize("document", [REST, EVENTS], ids=["openapi", "asyncapi"])


def test_the_rest_document_is_valid_openapi():
    assert REST.content["openapi"].startswith("3.1.")
    validate(REST.content)


@pytest.mark.skipif(not ASYNCAPI_SCHEMA.exists(), reason="node_modules is not installed (npm ci)")
def test_the_event_document_is_valid_asyncapi():
    assert EVENTS.content["asyncapi"] == "3.0.0"
    validator = Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(EVENTS.content)] == []


@BOTH
def test_a_document_has_the_version_of_the_project(document):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert document.content["info"]["version"] == project["version"]


def walk(part: Any, pointer: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document, with its pointer."""
    if isinstance(part, dict):
        yield pointer, part
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in inner:
        yield from walk(value, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}")


@BOTH
def test_every_reference_leads_somewhere(document):
    references = [part["$ref"] for _, part in walk(document.content) if isinstance(part.get("$ref"), str)]
    assert references
    for reference in references:
        assert document.at(reference)


@BOTH
def test_every_field_is_described(document):
    for pointer, part in walk(document.content["components"]["schemas"]):
        for name, schema in part.get("properties", {}).items():
            fixed = isinstance(schema, bool) or "const" in schema or "examples" in schema
            assert fixed or "$ref" in schema or schema.get("description"), f"{pointer}: {name}"


@BOTH
def test_every_variable_that_is_named_exists(document):
    named = set(re.findall(r"CONFAB_\w+", json.dumps(document.content)))
    assert named
    assert named <= {field.alias for field in Config.model_fields.values()}


def test_the_operations_are_those_of_the_route_table():
    documented = {(part["operationId"], method.upper(), path) for path, method, part in REST.operations()}
    assert documented == {(route.operation, route.method, route.path) for route in ROUTES}
    takes_a_body = {part["operationId"] for _, _, part in REST.operations() if "requestBody" in part}
    assert takes_a_body == {route.operation for route in ROUTES if route.body}


def test_the_errors_are_those_of_the_table():
    documented = {}
    for choice in REST.at("#/components/schemas/Problem")["oneOf"]:
        fixed = REST.at(choice["$ref"])["properties"]
        documented[fixed["code"]["const"]] = [fixed[name]["const"] for name in ("type", "title", "status")]
    assert documented == {
        code: [f"urn:confab:error:{code}", kind.title, kind.status] for code, kind in ERRORS.items()
    }


def test_a_response_says_when_to_retry_and_how_to_send_a_token():
    for name, response in REST.content["components"]["responses"].items():
        for code in re.findall(r"`(\w+)`", response["description"].partition(":")[0]):
            headers = {name for name, header in response.get("headers", {}).items() if "$ref" in header}
            assert ("Retry-After" in headers) == bool(ERRORS[code].retry_after), name
            assert ("WWW-Authenticate" in headers) == (ERRORS[code].status == 401), name


def test_the_kinds_of_entries_are_the_codes_and_each_is_an_event_of_rooms():
    kinds = {kind.model_fields["kind"].default for kind in get_args(get_args(Entry)[0])}
    documented = REST.at("#/components/schemas/Entry")
    assert [choice["$ref"] for choice in documented["oneOf"]] == [
        *documented["discriminator"]["mapping"].values()
    ]
    for kind, pointer in documented["discriminator"]["mapping"].items():
        assert REST.at(pointer)["properties"]["kind"]["const"] == kind
        payload = EVENTS.at(EVENTS.message(f"{kind}.event"))["payload"]
        assert payload == {"$ref": f"openapi.yaml{pointer}"}
    assert documented["discriminator"]["mapping"].keys() == kinds


def test_the_bus_carries_every_type_of_event():
    types = {kind.model_fields["type"].default for kind in get_args(get_args(Event)[0])}
    assert EVENTS.content["channels"]["bus"]["messages"].keys() == types


def test_every_example_is_as_documented():
    """Those of the event document are in its messages, see below."""
    shown: list[tuple[str, Any]] = []
    for pointer, part in walk(REST.content):
        if "example" in part and "schema" in part:
            shown.append((f"{pointer}/schema", part["example"]))
        if isinstance(part.get("examples"), list) and pointer.startswith("#/components/schemas/"):
            shown += [(pointer, example) for example in part["examples"]]
    assert len(shown) > len(ERRORS)
    for pointer, example in shown:
        assert REST.faults(pointer, example) == [], pointer


def test_every_example_of_an_event_is_that_message_and_no_other_of_its_channel():
    for channel, part in EVENTS.content["channels"].items():
        for key in part["messages"]:
            for example in part["messages"][key]["examples"]:
                EVENTS.check(key, example["payload"], example.get("headers"))
                assert EVENTS.which(channel, example["payload"]) == [key]


CREATED = REST.at("#/paths/~1api~1conversations/post/responses/201/content/application~1json/example")


@pytest.mark.parametrize(
    ("subject", "field", "values"),
    [
        ("Conversation", "realtimeUrl", ["", "nowhere", "not a url", "//host"]),
        ("Conversation", "createdAt", ["yesterday", "2026-01-02T03:04:05Z", "2026-13-02T03:04:05.678Z"]),
        ("Conversation", "id", ["", "a b", "ä", "x" * 65]),
        ("Conversation", "seq", [-1, 0.5]),
        ("message.event", "seq", [0]),
        ("message.event", "id", ["x" * 65]),
        ("finalized.event", "seq", [0]),
        ("message.event", "ordinal", [0]),
        ("message_changed.event", "kind", ["message", "x"]),
        ("conversation_changed.event", "changes", [{"title": False}, {"added": []}, {"unknown": True}]),
        ("left.event", "reason", ["expired"]),
        ("erased.event", "erasures", [0]),
        ("erased.event", "seqs", [[], [0], list(range(1, 502))]),
        ("typing.event", "conversationId", ["a b"]),
        ("resync.event", "after", [-1]),
        ("going_away.event", "reconnectAfterMs", [-1]),
        ("message.created", "seq", [0]),
        ("conversation.finalized", "conversationId", [""]),
        ("conversation.deleted", "seq", [1]),
        ("user.erased", "conversationId", ["c1"]),
    ],
)
def test_a_value_against_the_contract_is_caught(subject, field, values):
    if subject == "Conversation":
        faults, good = partial(REST.faults, "#/components/schemas/Conversation"), CREATED
    else:
        message = EVENTS.message(subject)
        faults, good = (
            partial(EVENTS.faults, f"{message}/payload"),
            EVENTS.at(message)["examples"][0]["payload"],
        )
    assert faults(good) == []
    for value in values:
        assert field in faults(good | {field: value})[0]


def test_the_longest_ids_are_within_their_bounds():
    conversation_id = new_id("b" * 14)
    for made in (conversation_id, message_id(conversation_id, MAX_SEQ), f"probe-{conversation_id}"):
        assert REST.faults("#/components/schemas/Conversation/properties/id", made) == []


def test_every_format_of_a_document_is_one_that_is_checked():
    parts = [part for document in (REST, EVENTS) for _, part in walk(document.content)]
    formats = {part["format"] for part in parts if isinstance(part.get("format"), str)}
    assert formats
    assert formats <= FormatChecker.checkers.keys()
