"""A rate admits its number in any window, exactly, and in bounded memory."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confab.domain import rates
from confab.domain.errors import RateLimited
from confab.domain.rates import Rate
from tests.support.adapters import MemoryAdapters
from tests.support.api import add_message, created

START = 1_000.0


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time():
    return Time()


def admitted(rate: Rate, key: str = "alice") -> bool:
    try:
        rate.take(key)
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize(("passed", "wait"), [(0, 10), (0.5, 10), (6, 4), (9.9, 1)])
def test_a_refusal_says_after_how_many_seconds_to_retry(time, passed, wait):
    rate = Rate(1, 10, "messages", clock=time)
    rate.take("alice")
    time.now += passed
    with pytest.raises(RateLimited) as refused:
        rate.take("alice")
    assert refused.value.retry_after == wait
    assert refused.value.detail == f"At most 1 messages in 10 s. Try again in {wait} s."
    time.now += wait
    assert admitted(rate)


def test_zero_is_no_limit_and_remembers_no_key(time):
    rate = Rate(0, 10, "messages", clock=time)
    assert all(admitted(rate) for _ in range(1_000))
    assert len(rate) == 0


def test_idle_keys_are_forgotten_by_the_next_take(time):
    rate = Rate(2, 10, "messages", clock=time)
    for second, key in enumerate(("alice", "bob", "alice")):
        time.now = START + second
        rate.take(key)
    time.now = START + 11  # bob's only time is free again, alice's second one is not
    rate.take("carol")
    assert len(rate) == 2


def test_the_number_of_remembered_keys_is_bounded(time, monkeypatch):
    monkeypatch.setattr(rates, "MOST_REMEMBERED", 2)
    rate = Rate(1, 10, "messages", clock=time)
    assert all(admitted(rate, key) for key in ("alice", "bob", "carol"))
    assert len(rate) == 2
    assert [admitted(rate, key) for key in ("carol", "alice")] == [False, True]


@given(
    most=st.integers(1, 4),
    seconds=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), max_size=60),
)
@example(most=2, seconds=5, steps=[(0, "a"), (12, "a"), (8, "a"), (0, "a")])
def test_a_rate_admits_its_number_in_any_window_and_no_more(most, seconds, steps):
    time = Time()
    rate = Rate(most, seconds, "messages", clock=time)
    taken: dict[str, list[float]] = {"a": [], "b": []}
    for quarters, key in steps:
        time.now += quarters / 4
        recent = [at for at in taken[key] if time.now - at < seconds]
        assert admitted(rate, key) == (len(recent) < most)
        if len(recent) < most:
            taken[key].append(time.now)


@pytest.fixture
def adapters():
    return MemoryAdapters(CONFAB_MESSAGES_PER_10S="2")


@pytest.mark.parametrize(
    ("user", "fields", "expected"),
    [
        ("bob", {}, [1, 2, "rate_limited", "rate_limited"]),
        ("botty", {"role": "assistant"}, [1, 2, "rate_limited", "rate_limited"]),
        ("bob", {"clientMessageId": "m1"}, [1, 1, "rate_limited", "rate_limited"]),
        ("eve", {}, ["not_found"] * 4),
        ("rita", {}, ["forbidden"] * 4),
    ],
    ids=["a user", "an agent", "repeats", "a stranger", "a reader"],
)
async def test_who_may_send_is_limited_and_a_refused_send_changes_nothing(
    client, adapters, user, fields, expected
):
    members = [{"userId": "bob"}, {"userId": "botty"}, {"userId": "rita", "access": "read"}]
    room = (await created(client, members=members))["id"]
    answers = [(await add_message(client, room, "x", user, **fields)).json() for _ in expected]
    assert [answer.get("seq", answer.get("code")) for answer in answers] == expected
    sent = [one for one in expected if isinstance(one, int)]
    assert (await add_message(client, room, "x")).json()["seq"] == len(set(sent)) + 1
    assert len(adapters.conversations.sends) == (1 + bool(sent))
