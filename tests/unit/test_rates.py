"""A rate admits its number in any window, exactly, and in bounded memory."""

import asyncio
from math import ceil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confab.domain import rates
from confab.domain.errors import RateLimited
from confab.domain.rates import Rate
from tests.support.adapters import MemoryAdapters
from tests.support.api import API, add_message, assert_problem, bearer, created


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


def test_several_times_at_once_are_taken_together_or_not_at_all():
    now = 0.0
    rate = Rate(5, 10, "members added", clock=lambda: now)
    rate.take("a", 2)
    now = 4.0
    rate.take("a", 3)
    with pytest.raises(RateLimited) as refused:
        rate.take("a", 3)
    assert refused.value.retry_after == 10
    now = 10.0
    rate.take("a", 2)
    now = 20.0
    rate.take("a", 6)  # more than it has at all


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
    return MemoryAdapters(
        CONFAB_MESSAGES_PER_10S="2",
        CONFAB_AGENT_MESSAGES_PER_10S="3",
        CONFAB_READS_PER_10S="2",
        CONFAB_CREATES_PER_10S="2",
        CONFAB_ADDITIONS_PER_10S="4",
        CONFAB_REQUESTS_PER_USER="2",
    )


@pytest.mark.parametrize(
    ("user", "fields", "expected"),
    [
        ("bob", {}, [1, 2, "rate_limited", "rate_limited"]),
        ("botty", {"role": "assistant"}, [1, 2, 3, "rate_limited"]),
        ("bob", {"clientMessageId": "m1"}, [1, 1, "rate_limited", "rate_limited"]),
        ("eve", {}, ["not_found", "not_found", "rate_limited", "rate_limited"]),
        ("rita", {}, ["forbidden", "forbidden", "rate_limited", "rate_limited"]),
    ],
    ids=["a user", "an agent", "repeats", "a stranger", "a reader"],
)
async def test_who_may_send_is_limited_and_a_refused_send_changes_nothing(client, user, fields, expected):
    members = [{"userId": "bob"}, {"userId": "botty"}, {"userId": "rita", "access": "read"}]
    room = (await created(client, members=members))["id"]
    answers = [(await add_message(client, room, "x", user, **fields)).json() for _ in expected]
    assert [answer.get("seq", answer.get("code")) for answer in answers] == expected
    sent = [one for one in expected if isinstance(one, int)]
    assert (await add_message(client, room, "x")).json()["seq"] == len(set(sent)) + 1


MEMBERS = [{"userId": "bob"}, {"userId": "carol"}]
BOUNDED = {
    "pages": (("GET", "/{id}", None), 2),
    "lists": (("GET", "", None), 2),
    "the log": (("GET", "/{id}/log?after=0", None), 2),
    "new conversations": (("POST", "", {"type": "chat"}), 1),  # the room is the first
    "members of new ones": (("POST", "", {"type": "chat", "members": [*MEMBERS, {"userId": "dave"}]}), 0),
    "members": (("PUT", "/{id}/members/dave", {"access": "read"}), 2),  # the room has two
}


@pytest.mark.parametrize("what", BOUNDED)
async def test_a_user_reads_creates_and_adds_so_often_and_a_refusal_asks_nothing_of_the_store(
    client, adapters, what
):
    (method, path, body), most = BOUNDED[what]
    room = (await created(client, members=MEMBERS))["id"]
    url = API + path.format(id=room)
    sent = [await client.request(method, url, json=body, headers=bearer()) for _ in range(most)]
    assert [answer.status_code for answer in sent] == [sent[0].status_code if sent else 0] * most
    await adapters.store.close()  # whatever asks it now is unavailable
    refused = await client.request(method, url, json=body, headers=bearer())
    assert assert_problem(refused, 429, "rate_limited")["detail"].startswith("At most")
    assert 1 <= int(refused.headers["Retry-After"]) <= 10


async def test_a_user_has_few_requests_under_way_and_another_one_is_not_refused_for_it(
    client, adapters, monkeypatch
):
    room = (await created(client, members=MEMBERS))["id"]
    going_on, append = asyncio.Event(), adapters.store.append

    async def slow(*args, **options):
        await going_on.wait()
        return await append(*args, **options)

    monkeypatch.setattr(adapters.store, "append", slow)
    waiting = [asyncio.create_task(add_message(client, room, "x")) for _ in range(2)]
    await asyncio.sleep(0.05)
    refused = await client.get(API, headers=bearer())
    assert "requests under way" in assert_problem(refused, 429, "rate_limited")["detail"]
    assert (await client.get(API, headers=bearer("bob"))).status_code == 200
    going_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [201, 201]
    assert (await client.get(API, headers=bearer())).status_code == 200
