"""The schemas of the documents take what the models take, and promise what the models send."""

from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any, Literal, get_args

import pytest
from pydantic import TypeAdapter

from confab import erasure
from confab.domain import events, models, requests
from confab.domain.entries import conversation_changed, finalized, message, message_changed
from confab.domain.errors import InvalidRequest
from confab.domain.limits import Limits
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    EditMessage,
    GetConversation,
    ListConversations,
    MemberPath,
    MessagePath,
    Patch,
    ReadLog,
    Request,
    SetMember,
    UpdateConversation,
    parse,
)
from confab.realtime import protocol
from tests.support.conformance import Json, event_document, rest_document

REST, EVENTS = rest_document(), event_document()
LIMITS = Limits()

RESOURCES: tuple[type[object], ...] = (
    models.Conversation,
    models.Member,
    message.Message,
    message_changed.MessageChanged,
    conversation_changed.ConversationChanged,
    finalized.Finalized,
    erasure.Progress,
    events.TypingState,
    events.DeletedConversation,
    events.ErasedUser,
    *get_args(get_args(events.Event)[0]),
)
BOUNDS = ("const", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems")
"""What a document may say of more values than a model does."""
NAMELESS = {"ge": "minimum", "le": "maximum"}
"""Bounds to which pydantic gives no name of JSON Schema where a field is converted first."""

Demand = tuple[str, str, Any]
"""Where in a value, which keyword, and what it says."""


REQUESTS = {
    kind.__name__: kind
    for kind in (*vars(requests).values(), *vars(protocol).values())
    if isinstance(kind, type) and issubclass(kind, Request)
}
"""With a schema of their own; the parameters of a query and of a path have one each."""
for kind in (Request, Patch, GetConversation, ReadLog, ListConversations, MessagePath, MemberPath):
    del REQUESTS[kind.__name__]


def demands(schema: Json, root: Json, where: str, *, complete: bool = False) -> Iterator[Demand]:
    """What a schema demands of a value, with references resolved.

    `complete`: every property is required, as in what the code sends, but what did not change.
    """
    if "$ref" in schema:
        name, _, pointer = schema["$ref"].partition("#/")
        inner = REST.content if name else root
        target = reduce(getitem, pointer.split("/"), inner)
        yield from demands(target, inner, where, complete=complete)
    for choice in [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]:
        yield from demands(choice, root, where, complete=complete)
    types = schema.get("type", [])
    yield from ((where, "type", each) for each in ([types] if isinstance(types, str) else types))
    named = {NAMELESS.get(keyword, keyword): value for keyword, value in schema.items()}
    yield from ((where, bound, repr(named[bound])) for bound in BOUNDS if bound in named)
    properties = schema.get("properties", {})
    for name, inner in properties.items():
        yield where, "property", name
        yield from demands(inner, root, f"{where}.{name}", complete=complete)
    all_required = complete and not where.endswith(".changes")
    yield from (
        (where, "required", name) for name in (properties if all_required else schema.get("required", ()))
    )
    if schema.get("additionalProperties") is False:
        yield where, "closed", True
    if "items" in schema:
        yield from demands(schema["items"], root, f"{where}[]", complete=complete)


@pytest.mark.parametrize("model", [*REQUESTS.values(), *RESOURCES], ids=lambda model: model.__name__)
def test_a_model_agrees_with_the_component_of_its_name(model):
    name = model.__name__
    home = EVENTS if name in EVENTS.content["components"]["schemas"] else REST
    documented = set(demands(home.content["components"]["schemas"][name], home.content, name))
    mode: Literal["validation", "serialization"] = "validation" if name in REQUESTS else "serialization"
    schema = TypeAdapter(model).json_schema(mode=mode, by_alias=True)
    coded = set(demands(schema, schema, name, complete=mode == "serialization"))
    assert coded - documented == set()
    assert {keyword for _, keyword, _ in documented - coded} <= {*BOUNDS, "closed"}
    objects = {where for where, keyword, _ in coded if keyword == "property"}
    assert objects <= {where for where, keyword, _ in documented if keyword == "closed"}


NUMBERS: list[object] = [-1, 0, 1, LIMITS.max_page, LIMITS.max_page + 1, 2**53 - 1, 2**53]
USER_IDS: list[object] = [
    "agent:",
    "agent:x",
    "agent",
    "Agent:x",
    "a/b",
    "a\0b",
    "a\x7fb",
    "a\x85b",
    "a:b c",
    "ä",
]
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
            "title": [*texts(1, LIMITS.max_title_chars), "a\0b"],
            "members": [
                *(listed(LIMITS.max_members + step) for step in (-1, 0, 1)),
                *([{"userId": uid}] for uid in [*texts(1, 128), *USER_IDS]),
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
            "content": [*texts(1, LIMITS.max_content_bytes), "a\0b"],
            "role": ["user", "assistant", "system", "admin"],
            "clientMessageId": texts(1, 128),
            "metadata": [{"a": [1, {"b": None}]}],
            "inReplyTo": [*NUMBERS, 1.0, 1.5, 1e300, -0.0, float("inf")],
            "client_message_id": ["m1"],
        },
    ),
    UpdateConversation: (
        {"title": "x"},
        {
            "title": [*texts(1, LIMITS.max_title_chars), "a\0b"],
            "metadata": [{"a": [1, {"b": None}]}],
            "owner": [*texts(1, 128), *USER_IDS],
            "status": ["finalized"],
        },
    ),
    EditMessage: (
        {"content": "x"},
        {
            "content": [*texts(1, LIMITS.max_content_bytes), "a\0b"],
            "metadata": [{"a": [1, {"b": None}]}],
            "role": ["user"],
        },
    ),
    SetMember: ({"access": "read"}, {"access": ["read", "write", "all"], "userId": ["bob"]}),
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
    "read_log": (ReadLog, "#/paths/~1api~1conversations~1{id}~1log/get/parameters"),
}
TEXTS = ["", "active", "open", "x" * 256, "x" * 257]


@pytest.mark.parametrize("operation", QUERIES)
def test_a_query_is_taken_if_and_only_if_its_schemas_take_it(operation):
    model, pointer = QUERIES[operation]
    pointers = [REST.resolved(f"{pointer}/{index}") for index in range(len(REST.at(pointer)))]
    parameters = {each: REST.at(each) for each in pointers}
    for each, parameter in parameters.items():
        for value in NUMBERS if "integer" in parameter["schema"].get("type", ()) else TEXTS:
            fits = REST.faults(f"{each}/schema", value) == []
            assert is_taken(model, {parameter["name"]: str(value)}) == fits, (parameter["name"], value)
    assert {parameter["name"] for parameter in parameters.values()} == set(model.model_fields)


@pytest.mark.parametrize(
    ("model", "name", "values"),
    [(MessagePath, "MessageSeq", NUMBERS), (MemberPath, "MemberId", [*texts(1, 128), *USER_IDS])],
)
def test_a_path_is_taken_if_and_only_if_the_schema_of_its_parameter_takes_it(model, name, values):
    parameter = REST.at(f"#/components/parameters/{name}")
    for value in values:
        fits = REST.faults(f"#/components/parameters/{name}/schema", value) == []
        assert is_taken(model, {"id": "c1", parameter["name"]: str(value)}) == fits, value


def test_the_default_page_is_the_codes():
    assert REST.at("#/components/parameters/Limit/schema/default") == LIMITS.default_page
