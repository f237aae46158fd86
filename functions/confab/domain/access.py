"""Who may do what in a conversation. Every use case that is about one asks here.

The rule for readers is stated once more in the store's statement of a page, so that a page and the
right to read it come from one consistent view.
"""

from typing import Literal

from confab.domain.errors import Forbidden, NotFound
from confab.domain.models import Conversation, Principal, Role

NO_CONVERSATION = "There is no such conversation."

Standing = Literal["owner", "write", "read"]
"""A user's role in a conversation: its owner, or a member with that access."""


def standing(conversation: Conversation | None, caller: Principal) -> Standing:
    """The caller's standing. Raises NotFound for strangers, as if there were no such conversation."""
    if conversation is not None:
        if caller.uid == conversation.owner:
            return "owner"
        for member in conversation.members:
            if member.user_id == caller.uid:
                return member.access
    raise NotFound(NO_CONVERSATION)


def require_read(conversation: Conversation | None, caller: Principal) -> Conversation:
    """The conversation, for its owner and members. Raises NotFound for strangers."""
    standing(conversation, caller)
    assert conversation is not None
    return conversation


def require_write(held: Standing, caller: Principal, role: Role) -> None:
    """Require that the caller may write messages of this role.

    The owner writes any role, a member `user`, a member who is an agent the others too. Raises
    Forbidden otherwise.
    """
    require_may_type(held)
    if role != "user" and held != "owner" and not caller.agent:
        raise Forbidden(f"Only the owner and agents write messages of role {role}.")


def require_may_type(held: Standing) -> None:
    """Require write access, which typing needs too. Raises Forbidden for readers."""
    if held == "read":
        raise Forbidden("Your access to this conversation is read only.")


def require_finalize(held: Standing) -> None:
    """Require the owner. Raises Forbidden for members."""
    if held != "owner":
        raise Forbidden("Only the owner finalizes a conversation.")
