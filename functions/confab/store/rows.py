"""Rows of the database as clients see them and as models, and drafts as rows.

A query answers with JSON text, which the database makes of its rows: the client's CBOR is in
Python, so what is large travels as one text. A message's columns are its model's fields, so a
new field is a line in `domain.models` and one in a migration.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from confab.domain.models import (
    Conversation,
    Draft,
    Entry,
    Finalized,
    Message,
    Metadata,
    Wire,
    message_id,
    milliseconds,
)

Row = Mapping[str, Any]

END_OF_TIME_MS = 9 * 10**15
"""Milliseconds later than any datetime. The time left until then has as many digits, whenever now is."""
KEY_DIGITS = len(str(END_OF_TIME_MS))
"""How many digits an activity key begins with; the conversation's id follows."""

_TIME_CHARS = len("2026-01-02T03:04:05.678Z")
_MESSAGE_ID = re.compile(r"message:\['([\w-]+)', (\d+)\]")
_PLAIN = tuple(
    (name, to_camel(name)) for name in Draft.model_fields if name not in ("conversation_id", "metadata")
)
"""The columns of a message that are the same in JSON, and their names there."""


def activity_key(updated_at: datetime, conversation_id: str) -> str:
    """A text by which conversations sort: latest activity first, then by id."""
    return f"{END_OF_TIME_MS - milliseconds(updated_at)}{conversation_id}"


def conversation_content(conversation: Conversation) -> dict[str, Any]:
    """The columns of a conversation that is not finalized."""
    plain = {name: value for name, value in conversation if name not in ("id", "status", "finalized_at")}
    members = [dict(member) for member in conversation.members]
    return plain | {"members": members, "metadata": _metadata_text(conversation.metadata)}


def conversation_wire(row: Row) -> Wire:
    """The conversation in a row, whose id is plain text, as clients see it."""
    finalized_at = row.get("finalized_at")
    return {
        "id": row["id"],
        "type": row["type"],
        "title": row.get("title"),
        "owner": row["owner"],
        "members": [{"userId": one["user_id"], "access": one["access"]} for one in row["members"]],
        "status": "active" if finalized_at is None else "finalized",
        "seq": row["seq"],
        "metadata": _metadata(row["metadata"]),
        "createdAt": _time(row["created_at"]),
        "updatedAt": _time(row["updated_at"]),
        "finalizedAt": None if finalized_at is None else _time(finalized_at),
    }


def conversation_of(row: Row) -> Conversation:
    """The conversation in a row, whose id is plain text."""
    return Conversation.model_validate(conversation_wire(row), strict=False)


def draft_content(draft: Draft) -> dict[str, Any]:
    """The columns of a message that is not numbered yet; one that is None is left out."""
    plain = {name: value for name, _ in _PLAIN if (value := getattr(draft, name)) is not None}
    return plain | {"metadata": _metadata_text(draft.metadata)}


def message_wire(row: Row) -> Wire:
    """The message in a row as clients see it. A page has many, so a microsecond counts here."""
    found = _MESSAGE_ID.fullmatch(row["id"])
    assert found is not None, "a message's id is its conversation's and its number"
    conversation_id, seq = found[1], int(found[2])
    wire: Wire = {"id": message_id(conversation_id, seq), "conversationId": conversation_id, "seq": seq}
    for name, alias in _PLAIN:
        wire[alias] = row.get(name)
    metadata, at = row["metadata"], row["created_at"]
    wire["metadata"] = {} if metadata == "{}" else from_json(metadata)
    wire["createdAt"] = at if len(at) == _TIME_CHARS else _time(at)
    return wire


def message_of(row: Row) -> Message:
    """The message in a row."""
    return Message.model_validate(message_wire(row))


def finalized_of(row: Row) -> Finalized:
    """The entry that closed the log of the conversation in a row."""
    return Finalized(conversation_id=row["id"], seq=row["seq"], finalized_at=row["finalized_at"])


def entries_of(messages: Iterable[Row], finalized: Iterable[Row]) -> Iterable[Entry]:
    """The entries in rows of messages, and in those of the logs that are closed."""
    yield from map(message_of, messages)
    yield from map(finalized_of, finalized)


def _time(at: str) -> str:
    """The time with three digits of a second's fraction; the database writes 0, 3, 6 or 9."""
    if len(at) == _TIME_CHARS:
        return at
    second, _, fraction = at.removesuffix("Z").partition(".")
    return f"{second}.{fraction[:3]:0<3}Z"


def _metadata(text: str) -> Any:
    return from_json(text) if text != "{}" else {}


def _metadata_text(metadata: Metadata) -> str:
    """Metadata goes in as JSON text: the database would drop nulls and bend large numbers."""
    return json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
