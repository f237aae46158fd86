"""A rate admits its number in any window, exactly, and in bounded memory."""

import asyncio
from functools import partial
from math import ceil
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confab.domain import rates
from confab.domain.errors import RateLimited
from confab.domain.rates import Rate
from confab.realtime.container import Container
from tests.support.adapters import MemoryAdapters
from tests.support.api import API, add_message, assert_problem, bearer, created
from tests.support.samples import NOW, conversation


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
            assert refused.value.detail == f"At most {most} messages in {seconds} s."
        assert (len(taken) if most else 0) <= len(rate) <= 2
    now += seconds
    rate.take("c")
    assert len(rate) == (most > 0), "the idle keys are forgotten"


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


def test_whoever_goes_on_in_vain_gains_nothing_from_a_flood_of_other_keys(monkeypatch):
    monkeypatch.setattr(rates, "MOST_REMEMBERED", 3)
    rate = Rate(1, 10, "messages", clock=lambda: 0)
    rate.take("mallory")
    for number in range(20):
        rate.take(number)
        with pytest.raises(RateLimited):
            rate.take("mallory")


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
    for method, url, body in (
        ("GET", f"{API}?limit=x", None),
        ("POST", API, {}),
        ("PUT", f"{API}/x/members/y", {}),
    ):
        wrong = await client.request(method, url, json=body, headers=bearer())
        assert_problem(wrong, 400, "invalid_request")  # whose form is wrong learns so first
    assert (await client.get(API, headers=bearer("bob"))).status_code == 200
    going_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [201, 201]
    assert (await client.get(API, headers=bearer())).status_code == 200


def step(event: str, user: str = "alice", room: str = "r0", **payload: object) -> tuple[str, str, Any]:
    return event, user, payload if event in ("connect", "auth") else {"conversationId": room, **payload}


CONNECT = step("connect")
SEND, TYPE = step("message", content="x"), step("typing", typing=True)
TYPE_1 = step("typing", room="r1", typing=True)
BOT = step("message", "bot", content="x")
THREE_ROOMS = [step("join", room=room) for room in ("r0", "r1", "r2")]
REFUSED: dict[str, tuple[list[tuple[str, str, Any]], str, int]] = {
    "messages": ([CONNECT, *[SEND] * 3], "At most 2 messages in 10 s.", 10),
    "an agent's": ([step("connect", "bot"), *[BOT] * 4], "At most 3 messages of an agent in 10 s.", 10),
    "joins": ([CONNECT, *THREE_ROOMS, *THREE_ROOMS[:2]], "At most 4 reads, lists and joins in 10 s.", 10),
    "tokens": (
        [CONNECT, *[step("auth", token="alice")] * 3],
        "At most 3 handshakes and renewed tokens in 10 s.",
        10,
    ),
    "sockets": (
        [CONNECT] * 3,
        "A user has at most 2 sockets on an instance: close one, such as another tab's.",
        5,
    ),
    "rooms": (
        [CONNECT, *THREE_ROOMS, step("join", room="r3")],
        "A socket is in at most 3 rooms: leave one.",
        1,
    ),
    "typing": ([CONNECT, THREE_ROOMS[0], *[TYPE] * 3], "At most 2 typing events in a room in 5 s.", 5),
    "typing anywhere": (
        [CONNECT, *THREE_ROOMS, TYPE, TYPE, TYPE_1, TYPE_1, step("typing", room="r2", typing=True)],
        "At most 4 typing events in 5 s.",
        5,
    ),
    "no keys": ([step("connect", "unchecked")], "no keys", 1),
    "no store": ([CONNECT, step("close the store"), SEND], "The store is closed.", 1),
}
"""What users do on one instance until the last step is refused; in which words, and for how many seconds."""


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refusal_over_a_socket_says_how_long_to_wait(what):
    steps, words, seconds = REFUSED[what]
    adapters = MemoryAdapters(
        CONFAB_MESSAGES_PER_10S="2",
        CONFAB_AGENT_MESSAGES_PER_10S="3",
        CONFAB_READS_PER_10S="4",
        CONFAB_RENEWALS_PER_10S="3",
        CONFAB_TYPING_PER_5S="2",
        CONFAB_MAX_SOCKETS_PER_USER="2",
        CONFAB_MAX_ROOMS_PER_SOCKET="3",
    )
    for number in range(4):
        await adapters.store.create(conversation(f"r{number}"), None, now=NOW)
    container = Container(adapters)
    refusals = []
    for number, (event, user, payload) in enumerate(steps):
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if event == "close the store":
            await adapters.store.close()
            continue
        if event == "connect":
            await container.application.connect(
                f"{user}{number}",
                {"token": user},
                partial(answer.set_result, None),
                lambda *refusal, to=answer: to.set_result(refusal[1]),
            )
            refusals.append(await answer)
        else:
            await container.application.event(f"{user}0", event, [payload], answer.set_result)
            refusals.append((await answer).get("error"))
    problem = refusals.pop()
    assert not any(refusals)
    assert problem["detail"] == f"{words} Try again in {problem['retryAfter']} s."
    assert 1 <= problem["retryAfter"] <= seconds <= problem["retryAfter"] + 3
    await container.announcer.close()
