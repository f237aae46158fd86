"""The schemas of the documents take what the models take, and promise what the models send."""

from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any, Literal

import pytest
from pydantic import BaseModel, TypeAdapter

from confab.domain import events, models
from confab.domain.errors import InvalidRequest
from confab.domain.limits import Limits
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    FinalizeConversation,
    GetConversation,
    ListConversations,
    NewMember,
    Request,
    parse,
)
from confab.realtime.protocol import Handshake, Join, Leave, Renew, SendMessage, SetTyping
from tests.support.conformance import Json, event_document, rest_document

REST, EVENTS = rest_document(), event_document()
LIMITS = Limits()

REQUESTS: tuple[type[BaseModel], ...] = (
    CreateConversation,
    NewMember,
    AddMessage,
    FinalizeConversation,
    Handshake,
    Join,
    Leave,
    SendMessage,
    SetTyping,
    Renew,
)
RESOURCES: tuple[type[BaseModel], ...] = (
    models.Conversation,
    models.Member,
    models.Message,
    models.Finalized,
    events.TypingState,
    events.MessageCreated,
    events.ConversationFinalizedEvent,
    events.Typing,
)
ADDED = {"Conversation": {"realtimeUrl"}}
"""Properties that a model does not have, because the views add them."""
SAME = ("const", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems")
BOUNDS = {"ge": "minimum", "le": "maximum"}
"""Bounds to which pydantic gives no name of JSON Schema where a field is converted first."""


def subclasses(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_request_is_compared_with_its_schema():
    assert {*subclasses(Request)} == {*REQUESTS, *(model for model, _ in QUERIES.values())}


class Shape:
    """What a schema demands of a value, with references and alternatives to null resolved."""

    def __init__(self, schema: Json, root: Json, *, complete: bool = False) -> None:
        """`complete`: every property is required, as in what the code sends."""
        self.types: set[str] = set()
        self.same: dict[str, Any] = {}
        self.properties: dict[str, Shape] = {}
        self.required: set[str] = set()
        self.items: Shape | None = None
        self.closed = False
        self._complete = complete
        self._take(schema, root)

    def _take(self, schema: Json, root: Json) -> None:
        if "$ref" in schema:
            name, _, pointer = schema["$ref"].partition("#/")
            inner = REST.content if name else root
            self._take(reduce(getitem, pointer.split("/"), inner), inner)
        for choice in [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]:
            self._take(choice, root)
        types = schema.get("type", [])
        self.types |= {types} if isinstance(types, str) else set(types)
        self.same |= {BOUNDS.get(k, k): v for k, v in schema.items() if BOUNDS.get(k, k) in SAME}
        properties = schema.get("properties", {})
        self.properties |= {k: Shape(v, root, complete=self._complete) for k, v in properties.items()}
        self.required |= set(properties if self._complete else schema.get("required", ()))
        if "items" in schema:
            self.items = Shape(schema["items"], root, complete=self._complete)
        self.closed |= schema.get("additionalProperties") is False


def compare(shape: Shape, model: Shape, where: str) -> None:
    """Fail unless a documented shape says at least what a model's says, of the same properties."""
    assert shape.types == model.types, where
    assert shape.same | model.same == shape.same, where
    assert shape.properties.keys() - ADDED.get(where, set()) == model.properties.keys(), where
    assert shape.required - ADDED.get(where, set()) == model.required, where
    if model.properties:
        assert shape.closed, where
    for name, inner in model.properties.items():
        compare(shape.properties[name], inner, f"{where}.{name}")
    if model.items is not None:
        assert shape.items is not None, where
        compare(shape.items, model.items, f"{where}[]")


def documented(name: str) -> Shape:
    """The component of that name: the event document's, or else the REST document's."""
    home = EVENTS if name in EVENTS.content["components"]["schemas"] else REST
    return Shape(home.content["components"]["schemas"][name], home.content)


@pytest.mark.parametrize("model", [*REQUESTS, *RESOURCES], ids=lambda model: model.__name__)
def test_a_model_agrees_with_the_component_of_its_name(model):
    mode: Literal["validation", "serialization"] = "validation" if model in REQUESTS else "serialization"
    schema = TypeAdapter(model).json_schema(mode=mode, by_alias=True)
    stated = Shape(schema, schema, complete=mode == "serialization")
    compare(documented(model.__name__), stated, model.__name__)


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
    pointers = [REST.resolved(f"{pointer}/{index}") for index in range(len(REST.at(pointer)))]
    parameters = {each: REST.at(each) for each in pointers}
    for each, parameter in parameters.items():
        for value in NUMBERS if parameter["schema"].get("type") == "integer" else TEXTS:
            fits = REST.faults(f"{each}/schema", value) == []
            assert is_taken(model, {parameter["name"]: str(value)}) == fits, (parameter["name"], value)
    assert {parameter["name"] for parameter in parameters.values()} == set(model.model_fields)


def test_the_default_page_is_the_codes():
    assert REST.at("#/components/parameters/Limit/schema/default") == LIMITS.default_page
