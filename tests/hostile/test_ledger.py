"""The pair's account notices whatever is lost, repeated, out of order or untrue."""

import pytest

from tests.hostile import ledger as module
from tests.hostile.ledger import Ledger


def entry(seq: int, key: str | None = None, author: str = "alice", **changed: object) -> dict[str, object]:
    key = key or f"pair-{seq}"
    fields = {"seq": seq, "clientMessageId": key, "author": author, "content": f"content of {key}"}
    return fields | changed


class Account:
    """A ledger and what it has told."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []
        self.ledger = Ledger(("alice", "bob"), self.told.append)
        for number in range(1, 10):
            self.ledger.sent(f"pair-{number}", "alice", 0.0)

    @property
    def problems(self) -> list[object]:
        return [each["problem"] for each in self.told if "problem" in each]


@pytest.fixture
def account() -> Account:
    return Account()


def test_what_comes_once_and_in_order_is_a_delivery_to_the_other(account):
    for uid in ("alice", "bob"):
        for seq in (1, 2):
            account.ledger.told(uid, entry(seq))
    assert [each["kind"] for each in account.told] == ["delivery", "delivery"]


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([entry(1), entry(1)], "bob got an entry again or out of order"),
        ([entry(1), entry(3)], "bob missed 1 entries"),
        ([entry(1, content="forged")], "bob got an entry that nobody wrote"),
        ([entry(1, author="bob")], "bob got an entry that nobody wrote"),
        ([entry(1, key="unknown")], "bob got an entry that nobody wrote"),
    ],
)
def test_what_must_not_come_is_a_problem(account, entries, problem):
    for each in entries:
        account.ledger.told("bob", each)
    assert account.problems == [problem]


def test_what_was_acknowledged_under_this_number_is_what_comes(account):
    account.ledger.stored(entry(1))
    account.ledger.told("bob", entry(1, key="pair-2"))
    assert account.problems == ["bob got another entry than was acknowledged"]


async def test_what_was_acknowledged_and_never_comes_is_lost(account, monkeypatch):
    monkeypatch.setattr(module, "SETTLE_S", 0.1)
    account.ledger.stored(entry(1))
    account.ledger.told("alice", entry(1))
    await account.ledger.settle()
    assert account.problems == ["bob never got 1 entries"]
