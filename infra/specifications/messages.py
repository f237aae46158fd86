"""The messages of the AsyncAPI document: events, their acknowledgements, and what the bus carries."""

from collections.abc import Mapping
from typing import Any

from confab.domain.events import Event
from confab.domain.requests import ID
from infra.specifications.events import CONNECT, Asked, Told
from infra.specifications.problems import example_of, problems
from infra.specifications.schemas import Json
from infra.specifications.words import FIELDS


def asked_messages(name: str, event: Asked) -> Mapping[str, Json]:
    """What a client says, and its two kinds of answer, by the key of each."""
    refusals = [
        {"name": kind.code, "payload": _refusal(name, example_of(kind))}
        for kind in sorted(event.errors, key=lambda kind: kind.status)
    ]
    return {
        f"{name}.asked": _message(name, event.summary, event.payload.__name__, [{"payload": event.example}]),
        f"{name}.accepted": _message(
            name, event.answer.__doc__, event.answer.__name__, [{"payload": event.answer_example}]
        ),
        f"{name}.refused": _message(name, _refused(name), refusal_name(name), refusals),
    }


def told_message(name: str, event: Told) -> Mapping[str, Json]:
    """What a server says unasked, by its key."""
    return {
        f"{name}.told": _message(name, event.to, event.payload.__name__, [{"payload": event.example}]),
    }


def bus_message(event: Event) -> Mapping[str, Json]:
    """An event of the bus with the attributes of its Pub/Sub message, by its key."""
    attributes = {"type": event.type, "conversationId": event.conversation_id}
    example = {"headers": attributes, "payload": event.wire()}
    message = _message(event.type, type(event).__doc__, type(event).__name__, [example])
    return {
        event.type: message
        | {
            "headers": {
                "description": "The attributes of the Pub/Sub message.",
                "type": "object",
                "properties": {
                    "type": {"description": FIELDS["_Event.type"], "type": "string", "const": event.type},
                    "conversationId": {
                        "description": FIELDS["conversationId"],
                        "type": "string",
                        "pattern": ID,
                    },
                    "origin": {
                        "description": "Of an entry, the process that published it, and need not hear it.",
                        "type": "string",
                    },
                    "traceparent": {
                        "description": "The W3C trace in which it was published, if there is one.",
                        "type": "string",
                        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$",
                    },
                },
                "required": list(attributes),
                "additionalProperties": False,
            }
        }
    }


def refusal_name(name: str) -> str:
    """The name of the schema of an event's refusal."""
    return f"{''.join(part.title() for part in name.split('_'))}Refused"


def refusal_schema(name: str, event: Asked) -> Json:
    """What a client gets instead: over a handshake an error with data, otherwise an acknowledgement."""
    problem = problems(sorted(event.errors, key=lambda kind: kind.status))
    properties: Json = (
        {"message": {"description": FIELDS["ConnectError.message"], "type": "string"}, "data": problem}
        if name == CONNECT
        else {
            "ok": {"description": FIELDS["Refused.ok"], "type": "boolean", "const": False},
            "error": problem,
        }
    )
    return {
        "description": _refused(name),
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _refused(name: str) -> str:
    return "A `connect_error` with its `data`." if name == CONNECT else "Nothing was changed."


def _refusal(name: str, problem: Json) -> Json:
    if name == CONNECT:
        return {"message": problem["title"], "data": problem}
    return {"ok": False, "error": problem}


def _message(name: str, summary: str | None, schema: str, shown: list[dict[str, Any]]) -> Json:
    return {
        "name": name,
        "summary": (summary or "").rstrip("."),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        "examples": shown,
    }
