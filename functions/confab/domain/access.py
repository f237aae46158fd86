"""Who may do what in a conversation. Every use case asks here and nowhere else."""

from confab.domain.errors import Forbidden, NotFound
from confab.domain.models import Access, Conversation, Principal, Role

NO_CONVERSATION = "There is no such conversation."


def require_read(conversation: Conversation | None, caller: Principal) -> Conversation:
    """The conversation, for its owner and members.

    Raises NotFound for anyone else, exactly as for a conversation that does not exist.
    """
    if conversation is None or _access(conversation, caller) is None:
        raise NotFound(NO_CONVERSATION)
    return conversation


def require_write(conversation: Conversation | None, caller: Principal, role: Role) -> Conversation:
    """The conversation, for callers who may write messages of this role.

    The owner writes any role, a member `user`, a member who is an agent also the others.
    Raises NotFound for strangers and Forbidden for readers.
    """
    conversation = require_type(conversation, caller)
    if role != "user" and caller.uid != conversation.owner and not caller.agent:
        raise Forbidden(f"Only the owner and agents write messages of role {role}.")
    return conversation


def require_type(conversation: Conversation | None, caller: Principal) -> Conversation:
    """The conversation, for callers who may write at all, and so may be seen typing.

    Raises NotFound for strangers and Forbidden for members with read access.
    """
    conversation = require_read(conversation, caller)
    if _access(conversation, caller) != "write":
        raise Forbidden("Your access to this conversation is read only.")
    return conversation


def require_finalize(conversation: Conversation | None, caller: Principal) -> Conversation:
    """The conversation, for its owner. Raises NotFound for strangers, Forbidden for members."""
    conversation = require_read(conversation, caller)
    if caller.uid != conversation.owner:
        raise Forbidden("Only the owner finalizes a conversation.")
    return conversation


def _access(conversation: Conversation, caller: Principal) -> Access | None:
    if caller.uid == conversation.owner:
        return "write"
    return next((m.access for m in conversation.members if m.user_id == caller.uid), None)
