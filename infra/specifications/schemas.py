"""JSON Schemas of the models as clients meet them: camelCase, closed, bounded and described.

A request's bounds that depend on the deployment are those of the default limits; the words name
the variable that sets another.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from confab.domain.models import timestamp_text
from confab.domain.requests import ID, Request
from infra.specifications.words import LIMITS, words_of

Json = dict[str, Any]

TIMESTAMP: Json = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
}
BOUNDS: Mapping[str, Json] = {
    "content": {"minLength": 1, "maxLength": LIMITS.max_content_bytes},
    "title": {"maxLength": LIMITS.max_title_chars},
    "members": {"maxItems": LIMITS.max_members},
    "limit": {"minimum": 1, "maximum": LIMITS.max_page, "default": LIMITS.default_page},
}
"""What the validators of `confab.domain.requests` check against the limits, by property."""
PROMISED: Mapping[str, Json] = {
    "id": {"pattern": ID},
    "conversationId": {"pattern": ID},
    "seq": {"minimum": 1},
    "Conversation.seq": {"minimum": 0},
    "after": {"minimum": 0},
    "reconnectAfterMs": {"minimum": 0},
}
"""What the code keeps to in all that it says, by property, or by model and property."""
RENAMED = {"ge": "minimum", "le": "maximum"}
"""Bounds that pydantic leaves in its own words on a field that is converted first."""


class Generator(GenerateJsonSchema):
    """Pydantic's generator, told what the models' validators and serializers do."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The object of a model, its properties bounded and described."""
        return _finished(schema["cls"], super().model_schema(schema))

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """The object of a dataclass; what the code answers has no other fields."""
        return _finished(schema["cls"], super().dataclass_schema(schema)) | {"additionalProperties": False}

    def ser_schema(self, schema: Any) -> JsonSchemaValue | None:
        """A timestamp has one form."""
        return TIMESTAMP if schema.get("function") is timestamp_text else super().ser_schema(schema)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """A type or null, in one line where the type is a plain one."""
        inner = self.generate_inner(schema["schema"])
        if isinstance(inner.get("type"), str) and not inner.keys() & {"enum", "const"}:
            return inner | {"type": [inner["type"], "null"]}
        return super().nullable_schema(schema)

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """A field's default, also where each value gets its own."""
        factory: Any = schema.get("default_factory")
        return super().get_default_value(schema) if factory is None else factory()

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Of an answer every field is there."""
        return self.mode == "serialization" or super().field_is_required(field, total)


def schemas_of(
    requests: Sequence[type[BaseModel]], answers: Sequence[type[BaseModel]]
) -> Mapping[str, JsonSchemaValue]:
    """The schemas of these models and of all that they refer to, by name."""
    modes: Mapping[JsonSchemaMode, Sequence[type[BaseModel]]] = {
        "validation": requests,
        "serialization": answers,
    }
    _, document = models_json_schema(
        [(model, mode) for mode, models in modes.items() for model in models],
        ref_template="#/components/schemas/{model}",
        schema_generator=Generator,
    )
    schemas: dict[str, JsonSchemaValue] = document["$defs"]
    if (anything := schemas.get("JsonValue")) is not None:
        anything["description"] = "Any JSON value."
    return schemas


def not_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The schema without null, for what is left out rather than null: a query parameter."""
    plain = dict(schema)
    if isinstance(plain.get("type"), list):
        plain["type"] = next(name for name in plain["type"] if name != "null")
    for choice in plain.pop("anyOf", ()):
        plain |= choice if choice != {"type": "null"} else {}
    return plain


def _finished(model: type, schema: JsonSchemaValue) -> JsonSchemaValue:
    schema.pop("title", None)
    properties = schema.get("properties", {})
    for name, given in properties.items():
        finished = {RENAMED.get(key, key): value for key, value in given.items()}
        finished.pop("title", None)
        if finished.get("default", ...) is None or not issubclass(model, Request):
            finished.pop("default", None)
        finished |= _bounds(model, name) if finished.get("type") != "null" else {}
        if "$ref" not in finished:
            finished = {"description": words_of(model, name)} | finished
        properties[name] = finished
    return schema


def _bounds(model: type, name: str) -> Json:
    """What is said of a property beyond its type."""
    if issubclass(model, Request):
        return BOUNDS.get(name, {})
    return PROMISED.get(f"{model.__name__}.{name}", PROMISED.get(name, {}))
