"""Who may do what in a conversation. Every use case that is about one asks here.

The rule for readers is stated once more in the store's statements: a page and the right to read it come
from one consistent view, and a stranger makes the store do what a missing conversation would.
"""

from typing import Literal

from confab.domain.errors import Forbidden, NotFound
from confab.domain.models import Conversation, Principal, Role

NO_CONVERSATION = "There is no such conversation."

Standing = Literal["owner", "write", "read"]
"""A user's role in a conversation: its owner, or a member with that access."""


def standing(conversation: Conversation | None, uid: str) -> Standing:
    """A user's standing in the conversation.

    Raises NotFound for strangers, exactly as for a conversation that does not exist.
    """
    if conversation is not None:
        if uid == conversation.owner:
            return "owner"
        for member in conversation.members:
            if member.user_id == uid:
                return member.access
    raise NotFound(NO_CONVERSATION)


def require_read(conversation: Conversation | None, caller: Principal) -> Conversation:
    """The conversation, for its owner and members. Raises NotFound for strangers."""
    standing(conversation, caller.uid)
    assert conversation is not None
    return conversation


def require_write(held: Standing, role: Role, *, agent: bool) -> None:
    """Require that a user of this standing may write messages of this role.

    The owner writes any role, a member `user`, a member who is an agent the others too. Raises
    Forbidden otherwise.
    """
    require_write_access(held)
    if held != "owner" and not members_may_write(role, agent=agent):
        raise Forbidden(f"Only the owner and agents write messages of role {role}.")


def members_may_write(role: Role, *, agent: bool) -> bool:
    """Whether a member with write access may write messages of this role; the owner writes any."""
    return role == "user" or agent


def require_write_access(held: Standing) -> None:
    """Require write access, which typing, edits and deletions need too. Raises Forbidden for readers."""
    if held == "read":
        raise Forbidden("Your access to this conversation is read only.")


def require_owner(conversation: Conversation | None, caller: Principal, what: str) -> Conversation:
    """The conversation, for its owner. Raises NotFound for strangers and Forbidden for members."""
    found = require_read(conversation, caller)
    if caller.uid != found.owner:
        raise Forbidden(f"Only the owner of a conversation {what}.")
    return found
