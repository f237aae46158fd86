"""The AsyncAPI 3 document of the socket and of the event bus.

A channel per event, so that a payload alone tells which of its channel's messages it is.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from confab.config import Config
from confab.domain.cells import MAIN, TOPIC
from infra.specifications import examples
from infra.specifications.document import TOKEN, info
from infra.specifications.events import CONNECT, Asked, Told, asked, told
from infra.specifications.messages import (
    asked_messages,
    bus_message,
    refusal_name,
    refusal_schema,
    told_message,
)
from infra.specifications.problems import KINDS, problem_schemas
from infra.specifications.schemas import Json, schemas_of
from infra.specifications.words import LIMITS

BUS = "bus"
PATH = "/socket.io/"
MAX_PACKET = Config.model_fields["max_body_bytes"].alias
ABOUT = f"""\
What is told live, over Socket.IO and over the event bus. Everything that is stored can also be written \
and read over REST, which is in the OpenAPI document.

A client opens a socket at a conversation's `realtimeUrl`, path `{PATH}`, namespace `/`, and gives its \
token in the handshake's `auth`. An event carries one object and is acknowledged with one: `ok` says \
whether it was carried out. Fields that are not listed are refused. A packet has at most \
{LIMITS.max_body_bytes} bytes (`{MAX_PACKET}`).

A live socket gets every entry of its rooms exactly once, in order of `seq`. The bus delivers at least \
once and in no promised order, so its consumers key on `conversationId` and `seq`."""


def asyncapi() -> Json:
    """The document."""
    questions, events = asked(), told()
    return {
        "asyncapi": "3.0.0",
        "info": info("Confab events", ABOUT),
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {
            **{name: _event_channel(name, questions, events) for name in {**questions, **events}},
            BUS: _bus_channel(),
        },
        "operations": {
            **{f"receive_{name}": _receive(name, event) for name, event in questions.items()},
            **{f"send_{name}": _send(name, f"{name}.told", event.to) for name, event in events.items()},
            **{
                f"publish_{event.type.replace('.', '_')}": _send(BUS, event.type, type(event).__doc__ or "")
                for event in examples.bus_events()
            },
        },
        "components": {
            "securitySchemes": {"firebase": TOKEN},
            "messages": _messages(questions, events),
            "schemas": _schemas(questions, events),
        },
    }


def _servers() -> Json:
    loopback = [urlsplit(url).netloc for url in examples.views().addresses[MAIN]]
    socket = {
        "pathname": PATH,
        "protocolVersion": "Socket.IO protocol 5 on Engine.IO protocol 4",
        "security": [{"$ref": "#/components/securitySchemes/firebase"}],
    }
    host = {"description": "The host of the conversation's `realtimeUrl`."}
    return {
        "realtime": {
            "host": "{host}",
            "protocol": "wss",
            "description": "A deployment's realtime service.",
            "variables": {"host": host},
        }
        | socket,
        "local": {
            "host": "{host}",
            "protocol": "ws",
            "description": "The local stack's realtime instances.",
            "variables": {"host": host | {"enum": loopback, "default": loopback[0]}},
        }
        | socket,
        BUS: {
            "host": "pubsub.googleapis.com",
            "protocol": "googlepubsub",
            "description": "Google Cloud Pub/Sub, in the project of the deployment.",
        },
    }


def _event_channel(name: str, questions: Mapping[str, Asked], events: Mapping[str, Told]) -> Json:
    keys = [f"{name}.{kind}" for kind in ("asked", "accepted", "refused") if name in questions]
    keys += [f"{name}.told"] if name in events else []
    handshake: Json = {
        "address": "/",
        "description": "The handshake: Socket.IO's CONNECT to the namespace.",
        "bindings": {"ws": _handshake_request()},
    }
    acknowledged = ", and its acknowledgement" if name in questions else ""
    event: Json = {"address": name, "description": f"The Socket.IO event `{name}`{acknowledged}."}
    return (handshake if name == CONNECT else event) | {
        "servers": [{"$ref": "#/servers/realtime"}, {"$ref": "#/servers/local"}],
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in keys},
    }


def _handshake_request() -> Json:
    """The query of the HTTP request that opens the connection; stock clients send it."""
    return {
        "method": "GET",
        "query": {
            "type": "object",
            "properties": {
                "EIO": {"type": "string", "const": "4"},
                "transport": {"type": "string", "enum": ["websocket", "polling"]},
            },
            "required": ["EIO", "transport"],
        },
        "bindingVersion": "0.1.0",
    }


def _bus_channel() -> Json:
    return {
        "address": TOPIC,
        "description": "The topic of the event bus; that of a further cell has `-` and its name behind it. "
        "Its messages are UTF-8 JSON.",
        "servers": [{"$ref": f"#/servers/{BUS}"}],
        "messages": {
            event.type: {"$ref": f"#/components/messages/{event.type}"} for event in examples.bus_events()
        },
    }


def _receive(name: str, event: Asked) -> Json:
    channel = {"$ref": f"#/channels/{name}"}
    return {
        "action": "receive",
        "channel": channel,
        "summary": event.summary,
        "messages": [_in_channel(name, f"{name}.asked")],
        "reply": {
            "channel": channel,
            "messages": [_in_channel(name, f"{name}.accepted"), _in_channel(name, f"{name}.refused")],
        },
    }


def _send(channel: str, message: str, summary: str) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary.rstrip("."),
        "messages": [_in_channel(channel, message)],
    }


def _in_channel(channel: str, message: str) -> Json:
    return {"$ref": f"#/channels/{channel}/messages/{message}"}


def _messages(questions: Mapping[str, Asked], events: Mapping[str, Told]) -> Json:
    messages: Json = {}
    for name, question in questions.items():
        messages |= asked_messages(name, question)
    for name, event in events.items():
        messages |= told_message(name, event)
    for carried in examples.bus_events():
        messages |= bus_message(carried)
    return messages


def _schemas(questions: Mapping[str, Asked], events: Mapping[str, Told]) -> Json:
    answers: list[type[Any]] = [question.answer for question in questions.values()]
    answers += [event.payload for event in events.values()]
    answers += [type(event) for event in examples.bus_events()]
    kinds = {kind for question in questions.values() for kind in question.errors}
    return {
        **schemas_of([question.payload for question in questions.values()], list(dict.fromkeys(answers))),
        **{refusal_name(name): refusal_schema(name, question) for name, question in questions.items()},
        **problem_schemas(kind for kind in KINDS.values() if kind in kinds),
    }
