"""Why drafts of a batch cannot be stored, as the statement `append` answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from confab.domain import access
from confab.domain.changes import require_active
from confab.domain.entries.message import ANOTHER_BODY, Draft, Message
from confab.domain.errors import IdempotencyConflict, InvalidRequest
from confab.ports.store import Appended
from confab.store import rows
from confab.store.digests import Digests

SentKey = tuple[str, str, str]
"""Identifies a retry: conversation, author, client message id."""


@dataclass(eq=False, slots=True)
class Append:
    """A draft to store, and the time of its call."""

    draft: Draft
    now: datetime
    attempt: str
    """An id for this append, the same in all its tries."""

    @property
    def key(self) -> SentKey | None:
        """What identifies a retry of the draft; None without a client message id."""
        draft = self.draft
        if draft.client_message_id is None:
            return None
        return draft.conversation_id, draft.author, draft.client_message_id

    def sent_id(self, digests: Digests) -> SentKey | None:
        """The id of the record in `sent` that has this key, which has a digest of the last part."""
        return self.key and (*self.key[:2], digests.of(self.key[2]))


class Refusals:
    """What the store found instead of storing a batch, for the drafts that kept it from that."""

    def __init__(
        self,
        digests: Digests,
        *,
        conversations: Sequence[rows.Row],
        sent: Sequence[tuple[Sequence[str], str, int, str | None]],
        messages: Sequence[rows.Row],
        unknown: Sequence[str],
    ) -> None:
        """`unknown` are the attempts whose drafts reply to no message."""
        self._digests = digests
        self._conversations = {one.id: one for one in map(rows.conversation_of, conversations)}
        self._messages = {(one.conversation_id, one.ordinal): one for one in map(rows.message_of, messages)}
        self._sent = {tuple(key): (attempt, ordinal, body) for key, attempt, ordinal, body in sent}
        self._unknown = unknown

    def check(self, append: Append) -> Appended | None:
        """What the draft was stored as before; None if nothing speaks against storing it now.

        Raises what `Store.append` does.
        """
        draft = append.draft
        conversation = self._conversations.get(draft.conversation_id)
        standing = access.standing(conversation, draft.author)
        assert conversation is not None, "nobody has a standing in no conversation"
        sent_id = append.sent_id(self._digests)
        if sent_id in self._sent:
            attempt, ordinal, first = self._sent[sent_id]
            message = self._messages[draft.conversation_id, ordinal]
            if not self._same_body(draft, message, first):
                access.require_write(standing, draft.role, agent=draft.agent)
                raise IdempotencyConflict(ANOTHER_BODY)
            return Appended(message, new=attempt == append.attempt)
        access.require_write(standing, draft.role, agent=draft.agent)
        require_active(conversation)
        if append.attempt in self._unknown:
            raise InvalidRequest.field("inReplyTo", "is the number of no message here")
        return None

    def _same_body(self, draft: Draft, message: Message, first: str | None) -> bool:
        """Whether the draft's body is the one that was first sent.

        `first` is its digest, None while the message has it still. Of a deleted message nothing is known.
        """
        if message.deleted_at is not None:
            return True
        return draft.body == message.body if first is None else self._digests.of(draft.body) == first
