"""What changes of a conversation and of its messages are allowed, and what they make of it.

Each decision is pure: it takes the state that was read, raises the refusal or returns the change,
None if all is so already. The store applies a change only to the state that it was decided on.
"""

from dataclasses import dataclass
from datetime import datetime

from confab.domain import access
from confab.domain.entries.conversation_changed import Changes, ConversationChanged
from confab.domain.entries.finalized import Finalized
from confab.domain.entries.message import Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.errors import ConversationFinalized, Forbidden, InvalidRequest, NotFound
from confab.domain.models import Conversation, Member, Principal, canonical
from confab.domain.requests import EditMessage, UpdateConversation

CLOSED_LOG = "This conversation is finalized."
BUSY = "Others change the same at this moment."
NO_MESSAGE = "There is no such message."


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """A change of the conversation itself, to be the next entry of its log."""

    before: Conversation
    after: Conversation
    """With the number and times of `before`: the store gives the new ones."""
    by: str
    changes: Changes | None
    """None finalizes."""

    def entry(self, stored: Conversation) -> ConversationChanged | Finalized:
        """The entry that it became, given the conversation that the store made of `after`."""
        if self.changes is not None:
            return ConversationChanged(
                conversation_id=stored.id,
                seq=stored.seq,
                conversation=stored,
                by=self.by,
                at=stored.updated_at,
                changes=self.changes,
            )
        assert stored.finalized_at is not None
        return Finalized(conversation_id=stored.id, seq=stored.seq, finalized_at=stored.finalized_at)


@dataclass(frozen=True, slots=True)
class MessageChange:
    """An edit or the deletion of a message, to be the next entry of its log."""

    conversation: Conversation
    before: Message
    by: str
    edit: EditMessage | None
    """None deletes."""

    def entry(self, seq: int, at: datetime) -> MessageChanged:
        """The entry that it became."""
        if self.edit is None:
            message = self.before.deleted(seq, at)
        else:
            message = self.before.model_copy(
                update={**self.edit.given(), "version": seq, "edited_at": at},
            )
        return MessageChanged(
            conversation_id=self.conversation.id, seq=seq, message=message, by=self.by, at=at
        )


def finalization(conversation: Conversation | None, caller: Principal) -> ConversationChange | None:
    """Close the log. Raises NotFound for strangers and Forbidden for members."""
    found = access.require_owner(conversation, caller, "finalizes it")
    if found.status == "finalized":
        return None
    return ConversationChange(found, found, caller.uid, None)


def update(
    conversation: Conversation | None, caller: Principal, request: UpdateConversation
) -> ConversationChange | None:
    """Change title, metadata or owner.

    Raises NotFound for strangers, Forbidden for members, ConversationFinalized, and InvalidRequest for a
    new owner who is no member. The former owner becomes a member who writes.
    """
    found = access.require_owner(conversation, caller, "changes it")
    fields = request.given()
    owner = fields.pop("owner", found.owner)
    changed = Changes(
        title=fields.get("title", found.title) != found.title,
        metadata=canonical(fields.get("metadata", found.metadata)) != canonical(found.metadata),
        owner=owner != found.owner,
    )
    if changed == Changes():
        return None
    require_active(found)
    if changed.owner:
        others = tuple(member for member in found.members if member.user_id != owner)
        if len(others) == len(found.members):
            raise InvalidRequest.field("owner", "must be a member of the conversation")
        fields |= {"owner": owner, "members": (*others, Member(user_id=found.owner))}
    return ConversationChange(found, found.model_copy(update=fields), caller.uid, changed)


def set_member(
    conversation: Conversation | None, caller: Principal, member: Member, *, max_members: int
) -> ConversationChange | None:
    """Add a member, or change the access of one.

    Raises NotFound for strangers, Forbidden for members, ConversationFinalized, and InvalidRequest for
    the owner or one member too many; `max_members` 0 is no limit.
    """
    found = access.require_owner(conversation, caller, "changes its members")
    uid = member.user_id
    known = next((one for one in found.members if one.user_id == uid), None)
    if known == member:
        return None
    require_active(found)
    if uid == found.owner:
        raise InvalidRequest.field("userId", "is the owner")
    if known is None:
        if 0 < max_members <= len(found.members):
            raise InvalidRequest.field("userId", f"is one more than the {max_members} members allowed")
        members, changes = (*found.members, member), Changes(added=(uid,))
    else:
        members = tuple(member if one.user_id == uid else one for one in found.members)
        changes = Changes(access=(uid,))
    return _with_members(found, members, caller, changes)


def remove_member(
    conversation: Conversation | None, caller: Principal, uid: str
) -> ConversationChange | None:
    """Remove a member: the owner anyone, and members themselves.

    Raises NotFound for strangers, Forbidden for other members and for the owner's own removal, and
    ConversationFinalized.
    """
    found = access.require_read(conversation, caller)
    if caller.uid != uid:
        access.require_owner(found, caller, "removes others")
    if uid == found.owner:
        raise Forbidden("The owner stays: hand the conversation over first.")
    members = tuple(member for member in found.members if member.user_id != uid)
    if members == found.members:
        return None
    require_active(found)
    return _with_members(found, members, caller, Changes(removed=(uid,)))


def departure(conversation: Conversation, uid: str) -> ConversationChange:
    """The removal of a member by the erasure of that member, of an active conversation."""
    members = tuple(member for member in conversation.members if member.user_id != uid)
    after = conversation.model_copy(update={"members": members})
    return ConversationChange(conversation, after, uid, Changes(removed=(uid,)))


def edit_message(
    conversation: Conversation | None, message: Message | None, caller: Principal, request: EditMessage
) -> MessageChange | None:
    """Change the content or metadata of one's own message.

    Raises NotFound for strangers and for no or a deleted message, Forbidden for who is not its author or
    may not write, and ConversationFinalized.
    """
    found = access.require_read(conversation, caller)
    if message is None or message.deleted_at is not None:
        raise NotFound(NO_MESSAGE)
    if message.author != caller.uid:
        raise Forbidden("Only its author edits a message.")
    access.require_write_access(access.standing(found, caller.uid))
    edited = message.model_copy(update=request.given())
    if edited.body == message.body:
        return None
    require_active(found)
    return MessageChange(found, message, caller.uid, request)


def delete_message(
    conversation: Conversation | None, message: Message | None, caller: Principal
) -> MessageChange | None:
    """Empty a message: the owner any, and authors who may write their own.

    Raises NotFound for strangers and for no message, Forbidden, and ConversationFinalized.
    """
    found = access.require_read(conversation, caller)
    if message is None:
        raise NotFound(NO_MESSAGE)
    if caller.uid != found.owner:
        if message.author != caller.uid:
            raise Forbidden("Only its author and the owner delete a message.")
        access.require_write_access(access.standing(found, caller.uid))
    if message.deleted_at is not None:
        return None
    require_active(found)
    return MessageChange(found, message, caller.uid, None)


def require_active(conversation: Conversation) -> None:
    """Raises ConversationFinalized. What is already so needs no change, and is asked before."""
    if conversation.status == "finalized":
        raise ConversationFinalized(CLOSED_LOG)


def _with_members(
    found: Conversation, members: tuple[Member, ...], caller: Principal, changes: Changes
) -> ConversationChange:
    return ConversationChange(found, found.model_copy(update={"members": members}), caller.uid, changes)
