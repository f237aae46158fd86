"""Removes conversations and users from the log in memory."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from confab.domain.entries import Entry
from confab.domain.entries.conversation_changed import ConversationChanged
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.models import Conversation
from confab.ports.removal import Emptied, Erasure

if TYPE_CHECKING:
    from tests.support.twins.store import MemoryStore


class MemoryRemoval:
    """The `Removal` port over the twin's logs. One step does all, so nothing is ever left."""

    def __init__(self, store: "MemoryStore") -> None:
        self._store = store
        self._erasing: set[str] = set()
        self._erasures: dict[str, list[Erasure]] = {}

    async def delete(
        self,
        conversation: Conversation,
        *,
        now: datetime,  # noqa: ARG002 - the port
        only_if_silent: bool = False,
    ) -> bool:
        log = self._store.logs.get(conversation.id)
        if log is None or log.conversation.revision != conversation.revision:
            return False
        if only_if_silent and log.conversation.seq != conversation.seq:
            return False
        del self._store.logs[conversation.id]
        return True

    async def inactive(self, before: datetime) -> Sequence[str]:
        return [one for one, log in self._store.logs.items() if log.conversation.updated_at < before]

    async def purge(self) -> bool:
        return False

    async def begin(self, uid: str, *, now: datetime) -> str | None:  # noqa: ARG002 - the port
        found = next((one for one, log in self._store.logs.items() if uid in log.participated), None)
        if found is None:
            self._erasing.discard(uid)
            for key in [key for key in self._store.created if key[0] == uid]:
                del self._store.created[key]
        else:
            self._erasing.add(uid)
        return found

    async def unfinished(self, *, now: datetime) -> tuple[str | None, str | None]:
        uid = next(iter(self._erasing), None)
        return uid, None if uid is None else await self.begin(uid, now=now)

    async def leave_finalized(self, uid: str, conversation_id: str) -> None:
        log = self._store.logs[conversation_id]
        found = log.conversation
        members = tuple(member for member in found.members if member.user_id != uid)
        number = found.erasures + 1
        update = {"members": members, "revision": found.revision + 1, "erasures": number}
        log.conversation = found.model_copy(update=update)
        self._erasures.setdefault(conversation_id, []).append(Erasure(number, ()))

    async def empty(self, uid: str, conversation_id: str, *, now: datetime) -> Emptied:
        log = self._store.logs.get(conversation_id)
        if log is None:
            return Emptied(0, done=True)
        mine = [seq for seq, message in log.messages.items() if message.author == uid]
        for seq in mine:
            message = log.messages[seq]
            emptied = message.deleted(message.seq, message.deleted_at or now)
            log.messages[seq] = emptied.model_copy(update={"author": "", "version": message.version})
        log.entries = [_without(entry, uid) for entry in log.entries]
        log.sent = {key: found for key, found in log.sent.items() if key[0] != uid}
        log.participated.discard(uid)
        if mine:
            number = log.conversation.erasures + 1
            update = {"erasures": number, "revision": log.conversation.revision + 1}
            log.conversation = log.conversation.model_copy(update=update)
            self._erasures.setdefault(conversation_id, []).append(Erasure(number, mine))
        return Emptied(len(mine), done=True)

    async def erasures(self, conversation_id: str, after: int) -> Sequence[Erasure]:
        return [one for one in self._erasures.get(conversation_id, []) if one.number > after]


def _without(entry: Entry, uid: str) -> Entry:
    """An entry that does not name the user."""
    if isinstance(entry, MessageChanged | ConversationChanged) and entry.by == uid:
        entry = entry.model_copy(update={"by": ""})
    if not isinstance(entry, ConversationChanged):
        return entry
    named = {
        name: tuple(one for one in getattr(entry.changes, name) if one != uid)
        for name in ("added", "removed", "access")
    }
    return entry.model_copy(update={"changes": entry.changes.model_copy(update=named)})
