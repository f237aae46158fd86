"""What becomes of each draft of a group, by the same rule as the statement `APPEND` follows.

The statement tells only how the log stood before it; who knows the group knows the rest. Pure.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from surrealdb import RecordID

from confab.domain.errors import ConfabError, ConversationFinalized, NotFound
from confab.domain.models import Draft, message_id
from confab.ports import Appended
from confab.store import records

NO_CONVERSATION = "There is no such conversation."
CLOSED_LOG = "This conversation is finalized."


@dataclass(eq=False, slots=True)
class Waiting:
    """A draft, and whoever waits for what becomes of it."""

    draft: Draft
    now: datetime
    attempt: str
    """A name for this append, the same through all its tries."""
    outcome: "asyncio.Future[Appended]"

    @property
    def key(self) -> tuple[str, str, str] | None:
        """What a repetition of the draft is known by; without one it has none."""
        draft = self.draft
        if draft.client_message_id is None:
            return None
        return draft.conversation_id, draft.author, draft.client_message_id


@dataclass(frozen=True, slots=True)
class Repeated:
    """The draft is stored already: by somebody's earlier append or, `new`, by an earlier try of this one."""

    conversation_id: str
    seq: int
    new: bool

    @property
    def first(self) -> RecordID:
        """The record of the message."""
        return RecordID("message", [self.conversation_id, self.seq])

    @property
    def message_id(self) -> str:
        """The id of the message."""
        return message_id(self.conversation_id, self.seq)


def by_conversation(group: Iterable[Waiting]) -> list[list[Waiting]]:
    """The group's parts, one for each conversation, in order."""
    parts: defaultdict[str, list[Waiting]] = defaultdict(list)
    for waiting in group:
        parts[waiting.draft.conversation_id].append(waiting)
    return list(parts.values())


def variables(group: Sequence[Waiting]) -> dict[str, Any]:
    """The variables of the statement `APPEND`."""
    drafts = {part[0].draft.conversation_id: _times(part) for part in by_conversation(group)}
    return {
        "conversations": [records.conversation_record(conversation_id) for conversation_id in drafts],
        "drafts": {
            conversation_id: [_fields(waiting, at) for waiting, at in part]
            for conversation_id, part in drafts.items()
        },
        "keys": [RecordID("sent", list(waiting.key)) for waiting in group if waiting.key is not None],
        "beyond": records.BEYOND,
    }


def of(
    group: Sequence[Waiting], before: Iterable[records.Row], sent: Iterable[records.Row]
) -> list[Appended | Repeated | ConfabError]:
    """Each draft's outcome: `before` and `sent` are the records as the statement found them."""
    conversations = {row["id"].id: row for row in before}
    stored = {tuple(row["id"].id): row for row in sent}
    found: dict[Waiting, Appended | Repeated | ConfabError] = {}
    for part in by_conversation(group):
        conversation = conversations.get(part[0].draft.conversation_id)
        fresh = []
        for waiting, at in _times(part):
            if conversation is None:
                found[waiting] = NotFound(NO_CONVERSATION)
            elif waiting.key is not None and (row := stored.get(waiting.key)) is not None:
                found[waiting] = Repeated(waiting.key[0], row["seq"], new=row["attempt"] == waiting.attempt)
            elif conversation.get("finalized_at") is not None:
                found[waiting] = ConversationFinalized(CLOSED_LOG)
            else:
                fresh.append((waiting, at))
        if conversation is not None and fresh:
            found |= _numbered(fresh, conversation)
    return [found[waiting] for waiting in group]


def _numbered(fresh: Iterable[tuple[Waiting, datetime]], before: records.Row) -> dict[Waiting, Appended]:
    """The messages that new drafts of a conversation have become; times never run backwards along a log."""
    latest = before["updated_at"]
    return {
        waiting: Appended(waiting.draft.numbered(seq, max(at, latest)), new=True)
        for seq, (waiting, at) in enumerate(fresh, before["seq"] + 1)
    }


def _times(part: Sequence[Waiting]) -> list[tuple[Waiting, datetime]]:
    """Each draft of a conversation with its time, which is never before that of the one in front of it."""
    timed = []
    latest = part[0].now
    for waiting in part:
        latest = max(latest, waiting.now)
        timed.append((waiting, latest))
    return timed


def _fields(waiting: Waiting, at: datetime) -> dict[str, Any]:
    fields = {"content": records.draft_content(waiting.draft), "now": at, "attempt": waiting.attempt}
    if waiting.key is not None:
        fields["sent"] = RecordID("sent", list(waiting.key))
    return fields
