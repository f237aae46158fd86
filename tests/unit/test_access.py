import pytest

from confab.domain import access
from confab.domain.errors import ConfabError, Forbidden, NotFound
from tests.support.samples import conversation, principal

YES, NO, HIDDEN = None, Forbidden, NotFound
ROLES = ("user", "assistant", "system")
STRANGER = (HIDDEN,) * 6
MATRIX = {  # may read, write as each of ROLES, type, finalize
    principal("alice"): (YES, YES, YES, YES, YES, YES),
    principal("bob"): (YES, YES, NO, NO, YES, NO),
    principal("rita"): (YES, NO, NO, NO, NO, NO),
    principal("bot", agent=True): (YES, YES, YES, YES, YES, NO),
    principal("eve"): STRANGER,
    principal("other-bot", agent=True): STRANGER,
}


def refusal(rule, caller, *arguments, **options) -> type[ConfabError] | None:
    try:
        rule(access.standing(conversation(), caller.uid), *arguments, **options)
    except ConfabError as error:
        return type(error)
    return None


@pytest.mark.parametrize("caller", MATRIX, ids=lambda caller: caller.uid)
def test_who_may_do_what(caller):
    assert (
        refusal(lambda _: access.require_read(conversation(), caller), caller),
        *(refusal(access.require_write, caller, role, agent=caller.agent) for role in ROLES),
        refusal(access.require_write_access, caller),
        refusal(lambda _: access.require_owner(conversation(), caller, "finalizes it"), caller),
    ) == MATRIX[caller]
