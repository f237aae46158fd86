"""Small valid values to build tests from."""

from datetime import UTC, datetime, timedelta

from confab.domain.models import Conversation, Draft, Entry, Finalized, Member, Message, Principal

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


def principal(uid: str = "alice", *, agent: bool = False) -> Principal:
    return Principal(uid=uid, agent=agent, issued_at=NOW, expires_at=NOW + timedelta(hours=1))


def conversation(conversation_id: str = "c1", **fields: object) -> Conversation:
    values: dict[str, object] = {
        "id": conversation_id,
        "type": "chat",
        "title": None,
        "owner": "alice",
        "members": (
            Member(user_id="bob"),
            Member(user_id="rita", access="read"),
            Member(user_id="bot"),
        ),
        "metadata": {},
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Conversation.model_validate(values | fields)


def draft(content: str = "hello", **fields: object) -> Draft:
    values: dict[str, object] = {
        "conversation_id": "c1",
        "role": "user",
        "author": "alice",
        "content": content,
        "client_message_id": None,
        "metadata": {},
    }
    return Draft.model_validate(values | fields)


def message(seq: int, conversation_id: str = "c1") -> Message:
    return draft(f"message {seq}", conversation_id=conversation_id).numbered(seq, NOW)


def finalized(seq: int, conversation_id: str = "c1") -> Finalized:
    return Finalized(conversation_id=conversation_id, seq=seq, finalized_at=NOW)


def log(length: int) -> list[Entry]:
    return [message(seq) for seq in range(1, length + 1)]
