"""Rows of the database as the domain's models, and back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json
from surrealdb import RecordID

from confab.domain.models import (
    Conversation,
    Draft,
    Finalized,
    Member,
    Message,
    MessageView,
    Metadata,
    message_id,
)

Row = Mapping[str, Any]

BEYOND = 9 * 10**15
"""Milliseconds later than any datetime. What is left until then has as many digits, whenever now is."""
PLACE_DIGITS = len(str(BEYOND))
"""How many digits a place begins with; the conversation's id follows."""

_TIME_CHARS = len("2026-01-02T03:04:05.678Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def place(updated_at: datetime, conversation_id: str) -> str:
    """A text that sorts before every other one of later places: latest first, then by id."""
    return f"{BEYOND - (updated_at - _EPOCH) // timedelta(milliseconds=1)}{conversation_id}"


def conversation_record(conversation_id: str) -> RecordID:
    """The record of a conversation."""
    return RecordID("conversation", conversation_id)


def message_record(conversation_id: str, seq: int) -> RecordID:
    """The record of a message."""
    return RecordID("message", [conversation_id, seq])


def conversation_content(conversation: Conversation) -> dict[str, Any]:
    """The fields of a conversation that is not finalized, without its id."""
    return {
        "type": conversation.type,
        "title": conversation.title,
        "owner": conversation.owner,
        "members": [{"user_id": m.user_id, "access": m.access} for m in conversation.members],
        "seq": conversation.seq,
        "metadata": _metadata_text(conversation.metadata),
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
    }


def conversation_of(row: Row) -> Conversation:
    """The conversation in a row."""
    finalized_at = row.get("finalized_at")
    return Conversation(
        id=row["id"].id,
        type=row["type"],
        title=row.get("title"),
        owner=row["owner"],
        members=tuple(Member(user_id=m["user_id"], access=m["access"]) for m in row["members"]),
        status="active" if finalized_at is None else "finalized",
        seq=row["seq"],
        metadata=from_json(row["metadata"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        finalized_at=finalized_at,
    )


def draft_content(draft: Draft) -> dict[str, Any]:
    """The fields of a message that is not numbered yet."""
    return {
        "role": draft.role,
        "author": draft.author,
        "content": draft.content,
        "client_message_id": draft.client_message_id,
        "metadata": _metadata_text(draft.metadata),
    }


def messages_of(rows: Iterable[Sequence[Any]]) -> list[Message]:
    """The messages in rows, each of which is a list of its fields."""
    return [
        Message(
            id=message_id(conversation_id, seq),
            conversation_id=conversation_id,
            seq=seq,
            role=role,
            author=author,
            content=content,
            client_message_id=client_message_id,
            metadata=from_json(metadata),
            created_at=created_at,
        )
        for (conversation_id, seq), role, author, content, client_message_id, metadata, created_at in rows
    ]


def views_of(rows: Iterable[Sequence[Any]]) -> list[MessageView]:
    """The messages in rows whose last field is the time as text, as clients see them."""
    return [
        {
            "id": message_id(conversation_id, seq),
            "conversationId": conversation_id,
            "seq": seq,
            "role": role,
            "author": author,
            "content": content,
            "clientMessageId": client_message_id,
            "metadata": from_json(metadata),
            "createdAt": at if len(at) == _TIME_CHARS else _to_milliseconds(at),
        }
        for (conversation_id, seq), role, author, content, client_message_id, metadata, at in rows
    ]


def finalized_of(conversation: Conversation) -> Finalized:
    """The entry that closed a finalized conversation's log."""
    assert conversation.finalized_at is not None
    return Finalized(
        conversation_id=conversation.id, seq=conversation.seq, finalized_at=conversation.finalized_at
    )


def finalized_in(rows: Iterable[Row]) -> list[Finalized]:
    """The entries that closed these logs."""
    return [
        Finalized(conversation_id=row["id"].id, seq=row["seq"], finalized_at=row["finalized_at"])
        for row in rows
    ]


def _to_milliseconds(at: str) -> str:
    """The text of a time with three digits of a second's fraction; the database writes 0, 3, 6 or 9."""
    second, _, fraction = at.removesuffix("Z").partition(".")
    return f"{second}.{fraction[:3]:0<3}Z"


def _metadata_text(metadata: Metadata) -> str:
    """Metadata goes in as JSON text: the database would drop nulls and bend large numbers."""
    return json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
