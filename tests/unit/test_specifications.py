"""The committed documents are current, valid, and say what the code does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft7Validator, FormatChecker
from openapi_spec_validator import validate

from confab.config import Config
from confab.domain.cells import new_id
from confab.domain.errors import ERRORS, InvalidRequest
from confab.domain.events import Event
from confab.domain.limits import Limits
from confab.domain.models import message_id
from confab.domain.requests import (
    MAX_SEQ,
    AddMessage,
    CreateConversation,
    GetConversation,
    ListConversations,
    parse,
)
from confab.http.routes import ROUTES
from infra.specifications import __main__ as command
from infra.specifications.words import FIELDS
from tests.support.conformance import Document, event_document, rest_document

ROOT = Path(__file__).parents[2]
ASYNCAPI_SCHEMA = ROOT / "node_modules/@asyncapi/specs/schemas/3.0.0.json"
REST, EVENTS = rest_document(), event_document()
BOTH = pytest.mark.parametrize("document", [REST, EVENTS], ids=["openapi", "asyncapi"])
LIMITS = Limits()


def test_the_committed_documents_are_current():
    assert command.main(["--check"]) == 0


def test_a_document_that_is_not_current_is_named_and_written_anew(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "FOLDER", tmp_path / "reference")
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0
    (tmp_path / "reference/openapi.json").write_text("{}\n")
    capsys.readouterr()
    assert command.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "reference/openapi.json" in told
    assert "asyncapi.json" not in told
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0


def test_the_rest_document_is_valid_openapi():
    assert REST.content["openapi"].startswith("3.1.")
    validate(REST.content)


@pytest.mark.skipif(not ASYNCAPI_SCHEMA.exists(), reason="node_modules is not installed (npm ci)")
def test_the_event_document_is_valid_asyncapi():
    assert EVENTS.content["asyncapi"] == "3.0.0"
    validator = Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(EVENTS.content)] == []


def walk(part: Any, pointer: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document, with its pointer."""
    if isinstance(part, dict):
        yield pointer, part
        for name, value in part.items():
            yield from walk(value, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from walk(value, f"{pointer}/{index}")


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
            assert schema.get("description") or "$ref" in schema or "oneOf" in schema, f"{pointer}: {name}"


def test_no_words_are_left_that_describe_nothing():
    written = {
        part["description"]
        for document in (REST, EVENTS)
        for _, part in walk(document.content)
        if isinstance(part.get("description"), str)
    }
    assert set(FIELDS.values()) <= written


@BOTH
def test_every_variable_that_is_named_exists(document):
    named = set(re.findall(r"CONFAB_\w+", json.dumps(document.content)))
    assert named
    assert named <= {field.alias for field in Config.model_fields.values()}


def test_the_operations_are_those_of_the_route_table():
    documented = {
        (part["operationId"], method.upper(), path)
        for path, item in REST.content["paths"].items()
        for method, part in item.items()
        if method not in ("parameters", "options")
    }
    assert documented == {(route.operation, route.method, route.path) for route in ROUTES}
    assert all("options" in item for item in REST.content["paths"].values())


def test_every_error_has_its_status_and_says_when_to_retry():
    codes = REST.at("#/components/schemas/Problem")["discriminator"]["mapping"]
    statuses = {code: REST.at(ref)["properties"]["status"]["const"] for code, ref in codes.items()}
    assert statuses == {code: kind.status for code, kind in ERRORS.items()}
    for name, answer in REST.content["components"]["responses"].items():
        kinds = [ERRORS[code] for code in answer["content"]["application/problem+json"]["examples"]]
        assert ("Retry-After" in answer["headers"]) == any(k.retry_after for k in kinds), name
        assert ("WWW-Authenticate" in answer["headers"]) == (kinds[0].status == 401), name


def test_the_bus_carries_every_type_of_event():
    types = {kind.model_fields["type"].default for kind in get_args(get_args(Event)[0])}
    assert EVENTS.content["channels"]["bus"]["messages"].keys() == types


def shown(document: Document) -> Iterator[tuple[str, Any]]:
    """Each example of the REST document with the pointer to its schema."""
    for pointer, part in walk(document.content):
        if isinstance(part.get("schema"), dict):
            for example in part.get("examples", {}).values():
                yield f"{pointer}/schema", example["value"]
            if "example" in part:
                yield f"{pointer}/schema", part["example"]


def test_every_example_of_the_rest_document_is_as_documented():
    examples = list(shown(REST))
    assert len(examples) > len(ERRORS)
    for pointer, example in examples:
        assert REST.faults(pointer, example) == [], pointer


def test_every_example_of_an_event_is_that_message_and_no_other_of_its_channel():
    for channel, part in EVENTS.content["channels"].items():
        for key in part["messages"]:
            for example in EVENTS.at(f"#/components/messages/{key}")["examples"]:
                EVENTS.check(key, example["payload"], example.get("headers"))
                assert EVENTS.which(channel, example["payload"]) == [key]


BAD: dict[str, list[object]] = {
    "realtimeUrl": ["", "nowhere", "not a url", "//host"],
    "createdAt": ["yesterday", "2026-01-02T03:04:05Z", "2026-13-02T03:04:05.678Z"],
    "id": ["", "a b", "ä", "x" * 65],
    "seq": [-1, 0.5],
}
"""What no conversation has; an example has a good one of each."""


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in BAD for value in BAD[field]])
def test_what_the_contract_rules_out_is_caught(field, value):
    conversation = REST.at(
        "#/paths/~1api~1conversations/post/responses/201/content/application~1json/example"
    )
    assert REST.faults("#/components/schemas/Conversation", conversation) == []
    (fault,) = REST.faults("#/components/schemas/Conversation", conversation | {field: value})[:1]
    assert fault.startswith(f"$.{field}: ")


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        ("message.told", "seq", 0),
        ("message.told", "id", "x" * 65),
        ("finalized.told", "seq", 0),
        ("typing.told", "conversationId", "a b"),
        ("resync.told", "after", -1),
        ("going_away.told", "reconnectAfterMs", -1),
        ("message.created", "seq", 0),
        ("conversation.finalized", "conversationId", ""),
    ],
)
def test_what_the_contract_rules_out_of_an_event_is_caught(message, field, value):
    shown = EVENTS.at(f"#/components/messages/{message}")["examples"][0]["payload"]
    EVENTS.check(message, shown)
    with pytest.raises(AssertionError, match=field):
        EVENTS.check(message, shown | {field: value})


def test_the_longest_ids_are_within_their_bounds():
    conversation_id = new_id("b" * 14)
    for made in (conversation_id, message_id(conversation_id, MAX_SEQ), f"probe-{conversation_id}"):
        assert REST.faults("#/components/schemas/Conversation/properties/id", made) == []


@BOTH
def test_every_format_of_a_document_is_one_that_is_checked(document):
    formats = {part["format"] for _, part in walk(document.content) if isinstance(part.get("format"), str)}
    assert formats
    assert formats <= FormatChecker.checkers.keys()


JUNK: list[object] = [None, True, 0, -1, [], {}, "", "ä", "a\tb", "chat", {"a": None}, [{}], [None]]


def texts(*lengths: int) -> list[object]:
    """Texts of these lengths and of those next to them."""
    return ["x" * (length + step) for length in lengths for step in (-1, 0, 1)]


def listed(count: int) -> list[dict[str, str]]:
    """So many members."""
    return [{"userId": str(number)} for number in range(count)]


BODIES: dict[Any, tuple[dict[str, object], dict[str, list[object]]]] = {
    CreateConversation: (
        {"type": "chat"},
        {
            "type": ["chat", "assistant", "support", "party"],
            "title": texts(1, LIMITS.max_title_chars),
            "members": [
                *(listed(LIMITS.max_members + step) for step in (-1, 0, 1)),
                *([{"userId": uid}] for uid in texts(1, 128)),
                *([{"userId": "bob", "access": access}] for access in ("read", "write", "all")),
                [{"userId": "bob", "x": 1}],
            ],
            "metadata": [{"a": [1, {"b": None}]}],
            "owner": ["alice"],
        },
    ),
    AddMessage: (
        {"content": "x"},
        {
            "content": texts(1, LIMITS.max_content_bytes),
            "role": ["user", "assistant", "system", "admin"],
            "clientMessageId": texts(1, 128),
            "metadata": [{"a": [1, {"b": None}]}],
            "client_message_id": ["m1"],
        },
    ),
}
"""By model: a good body, and values to try in each field."""


def is_taken(model: Any, fields: object) -> bool:
    try:
        parse(model, fields, LIMITS)
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
def test_a_body_is_taken_if_and_only_if_its_schema_takes_it(model):
    good, tried = BODIES[model]
    bodies = [good | {field: value} for field, values in tried.items() for value in values + JUNK]
    for body in [*bodies, good, {}, []]:
        fits = REST.faults(f"#/components/schemas/{model.__name__}", body) == []
        assert is_taken(model, body) == fits, str(body)[:200]
    assert tried.keys() >= REST.at(f"#/components/schemas/{model.__name__}/properties").keys()


QUERIES: dict[str, tuple[Any, str]] = {
    "get_conversation": (GetConversation, "#/paths/~1api~1conversations~1{id}/get/parameters"),
    "list_conversations": (ListConversations, "#/paths/~1api~1conversations/get/parameters"),
}
NUMBERS = [-1, 0, 1, LIMITS.max_page, LIMITS.max_page + 1, 2**53 - 1, 2**53]
TEXTS = ["", "active", "open", "x" * 256, "x" * 257]


@pytest.mark.parametrize("operation", QUERIES)
def test_a_query_is_taken_if_and_only_if_its_schemas_take_it(operation):
    model, pointer = QUERIES[operation]
    parameters: Any = REST.at(pointer)
    for index, parameter in enumerate(parameters):
        whole = parameter["schema"]["type"] == "integer"
        for value in NUMBERS if whole else TEXTS:
            fits = REST.faults(f"{pointer}/{index}/schema", value) == []
            assert is_taken(model, {parameter["name"]: str(value)}) == fits, (parameter["name"], value)
    assert {parameter["name"] for parameter in parameters} == set(model.model_fields)


def test_the_default_page_is_the_codes():
    schemas = [part["schema"] for _, part in walk(REST.content) if part.get("name") == "limit"]
    assert [schema["default"] for schema in schemas] == [LIMITS.default_page] * 2
