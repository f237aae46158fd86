"""What becomes of each draft of a group, by the same rule as the statement `APPEND` follows.

The statement tells how the logs stood before it; who knows the group knows the rest. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from surrealdb import RecordID

from confab.domain.access import NO_CONVERSATION
from confab.domain.errors import ConfabError, ConversationFinalized, NotFound
from confab.domain.models import Draft, message_id
from confab.ports import Appended
from confab.store import records
from confab.store.listing import WINDOW_MS

CLOSED_LOG = "This conversation is finalized."


@dataclass(eq=False, slots=True)
class Append:
    """A draft that is to be stored, and when it came."""

    draft: Draft
    now: datetime
    attempt: str
    """A name for this append, the same through all its tries."""

    @property
    def key(self) -> tuple[str, str, str] | None:
        """What a repetition of the draft is known by; without one it has none."""
        draft = self.draft
        if draft.client_message_id is None:
            return None
        return draft.conversation_id, draft.author, draft.client_message_id


Outcomes = Mapping[Append, Appended | ConfabError]


def by_conversation(group: Iterable[Append]) -> Mapping[str, list[Append]]:
    """The group's parts, by conversation and in order."""
    parts: defaultdict[str, list[Append]] = defaultdict(list)
    for append in group:
        parts[append.draft.conversation_id].append(append)
    return parts


def variables(group: Sequence[Append]) -> dict[str, Any]:
    """The variables of the statement `APPEND`."""
    messages, named, growth = [], [], {}
    for log, part in by_conversation(group).items():
        for number, (append, at) in enumerate(_times(part), 1):
            content = records.draft_content(append.draft)
            messages.append({"log": log, "number": number, "at": at, "content": content})
            growth[log] = {"count": number, "at": at}
            if append.key is not None:
                key = RecordID("sent", list(append.key))
                named.append({"id": key, "log": log, "number": number, "attempt": append.attempt})
    return {
        "conversations": [records.conversation_record(log) for log in growth],
        "messages": messages,
        "growth": growth,
        "keys": [one["id"] for one in named],
        "named": named,
        "window": WINDOW_MS,
        "beyond": records.BEYOND,
    }


def of(group: Sequence[Append], answer: Mapping[str, Any]) -> Outcomes:
    """What the statement's answer says of the group's drafts.

    If it stored them, that is everyone's outcome. If it stored none, it is that of the drafts for
    whose sake it did not, of which there is at least one; the others have not been tried.
    """
    logs = {row["id"].id: row for row in answer["before"]}
    if answer["stored"]:
        parts = by_conversation(group).items()
        return {append: one for log, part in parts for append, one in _numbered(part, logs[log])}
    attempts = {tuple(row["id"].id): row["attempt"] for row in answer["sent"]}
    messages = {message.id: message for message in records.messages_of(answer["messages"])}
    first = {tuple(row["id"].id): messages[message_id(row["id"].id[0], row["seq"])] for row in answer["sent"]}
    found: dict[Append, Appended | ConfabError] = {}
    for append in group:
        log = logs.get(append.draft.conversation_id)
        if log is None:
            found[append] = NotFound(NO_CONVERSATION)
        elif append.key in first:
            found[append] = Appended(first[append.key], new=attempts[append.key] == append.attempt)
        elif log.get("finalized_at") is not None:
            found[append] = ConversationFinalized(CLOSED_LOG)
    return found


def _numbered(part: Sequence[Append], before: records.Row) -> Iterator[tuple[Append, Appended]]:
    """The messages that drafts of a log have become; times never run backwards along it."""
    latest = before["updated_at"]
    for seq, (append, at) in enumerate(_times(part), before["seq"] + 1):
        yield append, Appended(append.draft.numbered(seq, max(at, latest)), new=True)


def _times(part: Sequence[Append]) -> Iterator[tuple[Append, datetime]]:
    """Each draft of a log with its time, which is never before that of the one in front of it."""
    latest = part[0].now
    for append in part:
        latest = max(latest, append.now)
        yield append, latest
