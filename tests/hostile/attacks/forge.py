"""Events that nobody of this deployment published, and the bus to put them on."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc.aio
from google.pubsub_v1 import types

from tests.hostile.attempt import Target

TOPIC = "confab-events"
PUBLISH = "/google.pubsub.v1.Publisher/Publish"
OPTIONS = (("grpc.max_send_message_length", -1),)
BATCH = 100
POISON = "0001-01-01T00:00:00+23:59"
"""A time that is before the first one, in UTC."""
_Request: Any = types.PublishRequest.pb()
_Message: Any = types.PubsubMessage.pb()


class Bus:
    """The topic, with the right to publish there."""

    def __init__(self, channel: Any, project: str) -> None:
        self._publish = channel.unary_unary(PUBLISH)
        self._topic = f"projects/{project}/topics/{TOPIC}"

    @classmethod
    @asynccontextmanager
    async def of(cls, target: Target) -> AsyncIterator["Bus"]:
        """The target's."""
        async with grpc.aio.insecure_channel(target.bus, options=OPTIONS) as channel:
            yield cls(channel, target.project)

    async def publish(self, *events: bytes | dict[str, Any]) -> None:
        """Publish these, some at a time."""
        messages = [_message(event) for event in events]
        for start in range(0, len(messages), BATCH):
            request = _Request(topic=self._topic, messages=messages[start : start + BATCH])
            await self._publish(request.SerializeToString(), timeout=30)


def message(
    room: str, seq: int, *, author: str, data_room: str | None = None, **changed: Any
) -> dict[str, Any]:
    """An event of a message that is not stored. `changed` are fields of the envelope; `data` of the entry."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {
        "id": f"{data_room or room}-{seq}",
        "conversationId": data_room or room,
        "seq": seq,
        "role": "user",
        "author": author,
        "content": "forged",
        "clientMessageId": None,
        "metadata": {},
        "createdAt": now,
    } | changed.pop("data", {})
    return _event("message.created", room, seq, entry, now) | changed


def finalized(room: str, seq: int) -> dict[str, Any]:
    """An event of a finalization that is not stored."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {"conversationId": room, "seq": seq, "finalizedAt": now}
    return _event("conversation.finalized", room, seq, entry, now)


def typing(room: str, uid: str) -> dict[str, Any]:
    """An event of somebody who types."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _event("typing", room, None, {"conversationId": room, "userId": uid, "typing": True}, now)


def garbage() -> Sequence[bytes]:
    """What is no event at all."""
    return (
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"null",
        b'{"v":2}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"v":1,"type":"typing","data":' + b'{"a":' * 50_000,
        b'{"v":1,"type":"\\ud800"}',
        b"9" * 100_000,
    )


def _event(kind: str, room: str, seq: int | None, data: dict[str, Any], at: str) -> dict[str, Any]:
    return {
        "v": 1,
        "type": kind,
        "conversationId": room,
        "seq": seq,
        "data": data,
        "origin": "stranger",
        "at": at,
    }


def _message(event: bytes | dict[str, Any]) -> Any:
    if isinstance(event, bytes):
        return _Message(data=event, attributes={"type": "message.created"})
    attributes = {"type": event["type"], "conversationId": event["conversationId"]}
    return _Message(data=json.dumps(event).encode(), attributes=attributes)
