"""A rate admits its number in any window, exactly, and in bounded memory."""

from math import ceil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confab.domain import rates
from confab.domain.errors import RateLimited
from confab.domain.rates import Rate
from tests.support.adapters import MemoryAdapters
from tests.support.api import add_message, created


@given(
    most=st.integers(0, 4),
    seconds=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), max_size=60),
)
@example(most=2, seconds=5, steps=[(0, "a"), (12, "a"), (8, "a"), (0, "a")])
@example(most=2, seconds=5, steps=[(0, "a"), (2, "b"), (2, "a"), (18, "a")])
def test_a_rate_admits_its_number_in_any_window_and_says_when_to_retry(most, seconds, steps):
    now = 1_000.0
    rate = Rate(most, seconds, "messages", clock=lambda: now)
    taken: dict[str, list[float]] = {}
    for quarters, key in steps:
        now += quarters / 4
        taken = {one: recent for one in taken if (recent := [t for t in taken[one] if now - t < seconds])}
        if not most or len(taken.get(key, ())) < most:
            rate.take(key)
            taken.setdefault(key, []).append(now)
        else:
            with pytest.raises(RateLimited) as refused:
                rate.take(key)
            wait = ceil(taken[key][0] + seconds - now)
            assert refused.value.retry_after == wait
            assert refused.value.detail == f"At most {most} messages in {seconds} s. Try again in {wait} s."
        assert len(rate) == (len(taken) if most else 0), "the idle keys are forgotten"


def test_the_number_of_remembered_keys_is_bounded_and_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(rates, "MOST_REMEMBERED", 2)
    rate = Rate(1, 10, "messages", clock=lambda: 0)
    for key in ("alice", "bob", "carol", "alice"):
        rate.take(key)
        assert len(rate) <= 2
    with pytest.raises(RateLimited):
        rate.take("carol")


@pytest.fixture
def adapters():
    return MemoryAdapters(CONFAB_MESSAGES_PER_10S="2")


@pytest.mark.parametrize(
    ("user", "fields", "expected"),
    [
        ("bob", {}, [1, 2, "rate_limited", "rate_limited"]),
        ("botty", {"role": "assistant"}, [1, 2, "rate_limited", "rate_limited"]),
        ("bob", {"clientMessageId": "m1"}, [1, 1, "rate_limited", "rate_limited"]),
        ("eve", {}, ["not_found", "not_found", "rate_limited", "rate_limited"]),
        ("rita", {}, ["forbidden", "forbidden", "rate_limited", "rate_limited"]),
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
    assert len(adapters.conversations.sends) == 2
