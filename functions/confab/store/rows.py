"""Rows of the database as clients see them and as models, and drafts as rows.

A query answers with JSON text, which the database makes of its rows: the client's CBOR is in
Python, so what is large travels as one text. A message's columns are its model's fields, so a
new field is a line in its model and one in a migration, and stored messages stay as they are: a column
that a record lacks has its field's default.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from confab.domain.changes import ConversationChange, MessageChange
from confab.domain.entries.message import Draft, Message, message_id
from confab.domain.models import Conversation, Metadata, Wire, milliseconds
from confab.store.statements import LISTING_WINDOW_MS

Row = Mapping[str, Any]

END_OF_TIME_MS = 9 * 10**15
"""Milliseconds later than any datetime. The time left until then has as many digits, whenever now is."""
KEY_DIGITS = len(str(END_OF_TIME_MS))
"""How many digits an activity key begins with; the conversation's id follows."""

_COLUMNS = ("type", "title", "owner", "seq", "created_at", "updated_at")
"""The columns of a conversation that are its model's fields as they are."""
LISTING_WINDOW = timedelta(milliseconds=LISTING_WINDOW_MS)
_TIME_CHARS = len("2026-01-02T03:04:05.678Z")
_MESSAGE_ID = re.compile(r"message:\['([\w-]+)', (\d+)\]")
_CHANGE_ID = re.compile(r"change:\['([\w-]+)', (\d+)\]")
_PLAIN = tuple(
    (name, to_camel(name), field.get_default())
    for name, field in Draft.model_fields.items()
    if name not in ("conversation_id", "metadata")
)
"""The columns of a message that are the same in JSON, their names there, and what stands for NONE."""


def activity_key(updated_at: datetime, conversation_id: str) -> str:
    """A text by which conversations sort: latest activity first, then by id."""
    return f"{END_OF_TIME_MS - milliseconds(updated_at)}{conversation_id}"


def conversation_content(conversation: Conversation) -> dict[str, Any]:
    """The columns of a new conversation."""
    return {
        **{name: getattr(conversation, name) for name in _COLUMNS},
        "members": [dict(member) for member in conversation.members],
        "metadata": _metadata_text(conversation.metadata),
        "listed_at": conversation.updated_at - LISTING_WINDOW,  # so that its first message moves it
    }


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
        "messageCount": row["seq"] - row.get("changes", 0) - (finalized_at is not None),
        "erasures": row.get("erasures", 0),
        "metadata": _metadata(row["metadata"]),
        "createdAt": _time(row["created_at"]),
        "updatedAt": _time(row["updated_at"]),
        "finalizedAt": None if finalized_at is None else _time(finalized_at),
        "realtimeUrl": "",  # the views know it
    }


def conversation_of(row: Row) -> Conversation:
    """The conversation in a row, whose id is plain text."""
    revision = row.get("revision", 0)
    return Conversation.model_validate(conversation_wire(row) | {"revision": revision}, strict=False)


def draft_content(draft: Draft) -> dict[str, Any]:
    """The columns of a message that is not numbered yet; one that has its default is left out."""
    plain = {name: value for name, _, default in _PLAIN if (value := getattr(draft, name)) != default}
    return plain | {"metadata": _metadata_text(draft.metadata)}


def changed_conversation(change: ConversationChange) -> dict[str, Any]:
    """The columns that a change of the conversation sets."""
    after = change.after
    return {
        "title": after.title,
        "owner": after.owner,
        "members": [dict(member) for member in after.members],
        "metadata": _metadata_text(after.metadata),
    }


def changed_message(change: MessageChange) -> dict[str, Any]:
    """The columns that a change of a message sets, beside its version and times; None removes one."""
    if change.edit is None:
        return {"content": "", "metadata": "{}", "client_message_id": None}
    fields = change.edit.given()
    if "metadata" in fields:
        fields["metadata"] = _metadata_text(fields["metadata"])
    return fields


def message_wire(row: Row) -> Wire:
    """The message in a row as clients see it. A page has many, so a microsecond counts here."""
    found = _MESSAGE_ID.fullmatch(row["id"])
    assert found is not None, "a message's id is its conversation's and its ordinal"
    conversation_id, ordinal = found[1], int(found[2])
    seq = row.get("seq", ordinal)
    metadata, at = row["metadata"], row["created_at"]
    wire: Wire = {"conversationId": conversation_id}
    for name, alias, default in _PLAIN:
        wire[alias] = row.get(name, default)
    wire["metadata"] = {} if metadata == "{}" else from_json(metadata)
    wire["kind"] = "message"
    wire["id"] = message_id(conversation_id, seq)
    wire["seq"] = seq
    wire["ordinal"] = ordinal
    wire["version"] = row.get("version", seq)
    wire["createdAt"] = at if len(at) == _TIME_CHARS else _time(at)
    wire["editedAt"] = _time(row["edited_at"]) if "edited_at" in row else None
    wire["deletedAt"] = _time(row["deleted_at"]) if "deleted_at" in row else None
    return wire


def message_of(row: Row) -> Message:
    """The message in a row."""
    return Message.model_validate(message_wire(row))


def log_wire(conversation: Row, messages: Iterable[Row], changes: Iterable[Row]) -> list[Wire]:
    """The entries in these rows as clients see them, ascending; the end of the log is not among them."""
    found = [message_wire(row) for row in messages]
    found += [_change_wire(row, conversation) for row in changes]
    return sorted(found, key=lambda wire: wire["seq"])


def finalized_wire(conversation: Row) -> Wire:
    """The entry that closed a finalized conversation's log."""
    return {
        "kind": "finalized",
        "conversationId": conversation["id"],
        "seq": conversation["seq"],
        "finalizedAt": _time(conversation["finalized_at"]),
    }


def _change_wire(row: Row, conversation: Row) -> Wire:
    """An entry that changed something, with the state of that as it is now."""
    found = _CHANGE_ID.fullmatch(row["id"])
    assert found is not None, "a change's id is its conversation's and its number"
    wire: Wire = {
        "kind": row["kind"],
        "conversationId": found[1],
        "seq": int(found[2]),
        "by": row["by"],
        "at": _time(row["at"]),
    }
    if row["kind"] == "message_changed":
        return wire | {"message": message_wire(row["message"])}
    return wire | {
        "conversation": conversation_wire(conversation),
        "changes": {k: v for k, v in row["changes"].items() if v},
    }


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
