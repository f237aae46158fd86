"""A rate lets through what it says, in any stretch of time, and remembers no more than it may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confab.domain import rates
from confab.domain.errors import ConfabError, Forbidden, NotFound, RateLimited
from confab.domain.rates import Rate
from confab.domain.requests import AddMessage, CreateConversation, parse
from tests.support.adapters import MemoryAdapters
from tests.support.samples import principal

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


def let_through(rate: Rate, key: str = "alice") -> bool:
    try:
        rate.take(key)
    except RateLimited:
        return False
    return True


def test_so_many_and_no_more_until_the_first_is_old(time):
    rate = Rate(3, 10, "messages", clock=time)
    assert [let_through(rate) for _ in range(4)] == [True, True, True, False]
    time.now += 9.999
    assert not let_through(rate)
    time.now = START + 10
    assert [let_through(rate) for _ in range(4)] == [True, True, True, False]


def test_the_window_slides(time):
    rate = Rate(2, 10, "messages", clock=time)
    assert let_through(rate)
    time.now += 9
    assert let_through(rate)
    time.now += 1
    assert [let_through(rate), let_through(rate)] == [True, False]


@pytest.mark.parametrize(("passed", "wait"), [(0, 10), (0.5, 10), (6, 4), (9.9, 1)])
def test_the_refusal_says_after_how_many_seconds_one_is_free(time, passed, wait):
    rate = Rate(1, 10, "messages", clock=time)
    rate.take("alice")
    time.now += passed
    with pytest.raises(RateLimited) as refused:
        rate.take("alice")
    assert refused.value.retry_after == wait
    assert refused.value.detail == f"At most 1 messages in 10 s. Try again in {wait} s."
    time.now += wait
    assert let_through(rate)


def test_what_is_refused_does_not_count(time):
    rate = Rate(1, 10, "messages", clock=time)
    assert let_through(rate)
    for _ in range(9):
        time.now += 1
        assert not let_through(rate)
    time.now += 1
    assert let_through(rate)


def test_each_key_has_its_own(time):
    rate = Rate(1, 10, "messages", clock=time)
    assert [let_through(rate, key) for key in ("alice", "bob", "alice")] == [True, True, False]


def test_zero_is_no_limit_and_remembers_nobody(time):
    rate = Rate(0, 10, "messages", clock=time)
    assert all(let_through(rate) for _ in range(1_000))
    assert len(rate) == 0


def test_the_idle_are_forgotten_when_somebody_comes(time):
    rate = Rate(2, 10, "messages", clock=time)
    for second, key in enumerate(("alice", "bob", "alice")):
        time.now = START + second
        rate.take(key)
    time.now = START + 11  # bob's only time is free again, alice's second one is not
    rate.take("carol")
    assert len(rate) == 2


def test_no_more_are_remembered_than_may_be(time, monkeypatch):
    monkeypatch.setattr(rates, "MOST_REMEMBERED", 2)
    rate = Rate(1, 10, "messages", clock=time)
    assert all(let_through(rate, key) for key in ("alice", "bob", "carol"))
    assert len(rate) == 2
    assert [let_through(rate, key) for key in ("carol", "alice")] == [False, True]


@given(
    most=st.integers(1, 4),
    seconds=st.integers(1, 5),
    steps=st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), max_size=60),
)
def test_never_more_in_any_window_and_never_refused_below(most, seconds, steps):
    time = Time()
    rate = Rate(most, seconds, "messages", clock=time)
    taken: dict[str, list[float]] = {"a": [], "b": []}
    for quarters, key in steps:
        time.now += quarters / 4
        recent = [at for at in taken[key] if time.now - at < seconds]
        assert let_through(rate, key) == (len(recent) < most)
        if len(recent) < most:
            taken[key].append(time.now)


class Room:
    """A conversation of alice's that bob writes in and rita reads, two messages each in 10 s."""

    def __init__(self) -> None:
        self.adapters = MemoryAdapters(CONFAB_MESSAGES_PER_10S="2")
        self.conversations = self.adapters.conversations
        self.id = ""

    async def open(self) -> None:
        members = [{"userId": "bob"}, {"userId": "botty"}, {"userId": "rita", "access": "read"}]
        request = parse(CreateConversation, {"type": "chat", "members": members}, self.conversations.limits)
        made = await self.conversations.create_conversation(request, caller=principal("alice"))
        self.id = made.conversation.id

    async def say(self, user: str, content: str = "x", **fields: str) -> str | int:
        """The number of the message, or the code of the refusal."""
        request = parse(AddMessage, {"content": content, **fields}, self.conversations.limits)
        try:
            appended = await self.conversations.add_message(
                self.id, request, caller=principal(user, agent=user.startswith("bot"))
            )
        except ConfabError as error:
            return error.code
        return appended.message.seq


@pytest.fixture
async def room():
    room = Room()
    await room.open()
    return room


async def test_a_refused_send_changes_nothing(room):
    assert [await room.say("alice") for _ in range(4)] == [1, 2, "rate_limited", "rate_limited"]
    assert await room.say("bob") == 3
    assert [entry.seq for entry in room.adapters.announced.entries] == [1, 2, 3]


async def test_an_agent_is_a_user_like_any_other(room):
    said = [await room.say("botty", role="assistant") for _ in range(3)]
    assert said == [1, 2, "rate_limited"]


async def test_a_repeat_counts(room):
    said = [await room.say("alice", clientMessageId="m1") for _ in range(3)]
    assert said == [1, 1, "rate_limited"]


@pytest.mark.parametrize(("user", "code"), [("eve", NotFound.code), ("rita", Forbidden.code)])
async def test_what_access_refuses_does_not_count_and_tells_nothing_new(room, user, code):
    assert [await room.say(user) for _ in range(5)] == [code] * 5
    assert len(room.conversations.sends) == 0
