import pytest

from confab.domain import access
from confab.domain.errors import ConfabError, Forbidden, NotFound
from tests.support.samples import conversation, principal

ALICE, BOB, RITA, EVE = (principal(uid) for uid in ("alice", "bob", "rita", "eve"))
BOT, STRANGE_BOT = principal("bot", agent=True), principal("other-bot", agent=True)


def refusal(check, caller, *arguments) -> type[ConfabError] | None:
    try:
        check(access.standing(conversation(), caller), *arguments)
    except ConfabError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("caller", "expected"),
    [(ALICE, None), (BOB, None), (RITA, None), (BOT, None), (EVE, NotFound), (STRANGE_BOT, NotFound)],
)
def test_owner_and_members_read(caller, expected):
    assert refusal(lambda _: access.require_read(conversation(), caller), caller) is expected


@pytest.mark.parametrize(
    ("caller", "role", "expected"),
    [
        *((ALICE, role, None) for role in ("user", "assistant", "system")),
        (BOB, "user", None),
        (BOB, "assistant", Forbidden),
        (BOB, "system", Forbidden),
        *((BOT, role, None) for role in ("user", "assistant", "system")),
        (RITA, "user", Forbidden),
        (EVE, "user", NotFound),
        (EVE, "system", NotFound),
        (STRANGE_BOT, "assistant", NotFound),
    ],
)
def test_who_writes_which_role(caller, role, expected):
    assert refusal(access.require_write, caller, caller, role) is expected


@pytest.mark.parametrize(
    ("caller", "expected"), [(ALICE, None), (BOB, None), (RITA, Forbidden), (EVE, NotFound)]
)
def test_who_types(caller, expected):
    assert refusal(access.require_type, caller) is expected


@pytest.mark.parametrize(
    ("caller", "expected"), [(ALICE, None), (BOB, Forbidden), (BOT, Forbidden), (EVE, NotFound)]
)
def test_only_the_owner_finalizes(caller, expected):
    assert refusal(access.require_finalize, caller) is expected


def test_a_stranger_cannot_tell_a_conversation_from_none():
    with pytest.raises(NotFound) as hidden:
        access.require_read(conversation(), EVE)
    with pytest.raises(NotFound) as absent:
        access.require_read(None, EVE)
    assert hidden.value.detail == absent.value.detail
