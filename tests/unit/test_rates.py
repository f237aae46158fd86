"""A rate admits its number in any window, exactly, and in bounded memory."""

import pytest
from hypothesis import example, given
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


@pytest.mark.parametrize(
    ("user", "fields", "expected"),
    [
        ("botty", {"role": "assistant"}, [1, 2, "rate_limited"]),
        ("alice", {"clientMessageId": "m1"}, [1, 1, "rate_limited"]),
    ],
    ids=["agent", "repeat"],
)
async def test_agents_and_repeats_count(room, user, fields, expected):
    assert [await room.say(user, **fields) for _ in range(3)] == expected


@pytest.mark.parametrize(("user", "code"), [("eve", NotFound.code), ("rita", Forbidden.code)])
async def test_a_send_without_access_does_not_count(room, user, code):
    assert [await room.say(user) for _ in range(5)] == [code] * 5
    assert len(room.conversations.sends) == 0
