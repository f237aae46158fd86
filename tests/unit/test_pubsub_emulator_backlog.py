"""The backlog of an emulated subscription: leases, retention, bounds and flow control."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from infra.local.pubsub_emulator.backlog import Backlog, Consumer, Delivery

IN_FLIGHT = 5


def backlog(*, retention: float = 600, max_messages: int = 100, max_bytes: int = 1_000) -> Backlog:
    return Backlog(retention=retention, max_messages=max_messages, max_bytes=max_bytes)


def lease(
    held: Backlog,
    now: float,
    *,
    consumer: Consumer | None = None,
    seconds: float = 10,
    limit: int = 100,
    max_bytes: int = 1_000,
) -> list[Delivery]:
    consumer = consumer or Consumer()
    return held.lease(consumer, seconds=seconds, limit=limit, max_bytes=max_bytes, now=now)


def messages(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message for delivery in deliveries]


def test_messages_older_than_the_retention_are_dropped_leased_or_not():
    held = backlog(retention=20)
    held.add("old and leased", 1, 0)
    (delivery,) = lease(held, 0, seconds=600)
    held.add("old", 1, 1)
    held.add("young", 1, 15)
    assert messages(lease(held, 21)) == ["young"]
    held.acknowledge([delivery.ack_id])
    assert len(held) == 1


def test_the_oldest_of_too_many_messages_or_bytes_are_dropped_but_never_the_newest():
    few, small = backlog(max_messages=2), backlog(max_bytes=10)
    for name in "abc":
        few.add(name, 1, 0)
        small.add(name, 6, 0)
    assert messages(lease(few, 0)) == ["b", "c"]
    assert messages(lease(small, 0)) == ["c"]
    small.add("huge", 100, 0)
    assert messages(lease(small, 0, max_bytes=1)) == ["huge"]


def test_a_response_is_bounded_in_bytes_but_never_empty_and_flow_control_counts_bytes_too():
    held = backlog()
    for name in "abcd":
        held.add(name, 10, 0)
    assert messages(lease(held, 0, max_bytes=20)) == ["a", "b"]
    assert messages(lease(held, 0, max_bytes=5)) == ["c"]
    held.add("e", 10, 0)
    assert messages(lease(held, 0, consumer=Consumer(max_bytes=1))) == ["d"]


class Leases(RuleBasedStateMachine):
    """Each message waits or is leased, and waiting ones are leased oldest first, as flow control permits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.held = backlog(retention=1e9, max_messages=10_000, max_bytes=1_000_000)
        self.consumer = Consumer(max_messages=IN_FLIGHT)
        self.waiting: set[int] = set()
        self.leased: dict[str, tuple[int, float]] = {}
        self.attempts = Counter[int]()
        self.ack_ids: list[str] = []
        self.added = 0

    @rule(count=st.integers(1, 4))
    def add(self, count: int) -> None:
        for _ in range(count):
            self.added += 1
            self.held.add(self.added, 1, self.now)
            self.waiting.add(self.added)

    @rule(seconds=st.integers(1, 20), limit=st.integers(1, 4))
    def lease(self, seconds: int, limit: int) -> None:
        expected = sorted(self.waiting)[: min(limit, IN_FLIGHT - len(self.leased))]
        self.attempts.update(expected)
        leased = lease(self.held, self.now, consumer=self.consumer, seconds=seconds, limit=limit)
        assert [(each.message, each.attempt) for each in leased] == [(n, self.attempts[n]) for n in expected]
        for delivery in leased:
            assert delivery.ack_id not in self.ack_ids
            self.ack_ids.append(delivery.ack_id)
            self.leased[delivery.ack_id] = delivery.message, self.now + seconds
        self.waiting -= set(expected)

    @precondition(lambda self: self.ack_ids)
    @rule(data=st.data(), seconds=st.integers(0, 20))
    def modify(self, data: st.DataObject, seconds: int) -> None:
        """An ack id means nothing once its lease has ended."""
        ack_id = data.draw(st.sampled_from(self.ack_ids))
        self.held.modify([ack_id, "unknown"], seconds, self.now)
        if ack_id in self.leased:
            self.leased[ack_id] = self.leased[ack_id][0], self.now + seconds
        self.wait(0)

    @precondition(lambda self: self.ack_ids)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.sampled_from(self.ack_ids))
        self.held.acknowledge([ack_id, "unknown"])
        self.leased.pop(ack_id, None)

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.held.expire(self.now)
        ended = {ack_id: message for ack_id, (message, ends) in self.leased.items() if ends <= self.now}
        self.waiting |= set(ended.values())
        self.leased = {ack_id: lease for ack_id, lease in self.leased.items() if ack_id not in ended}

    @invariant()
    def nothing_is_lost_and_all_is_counted(self) -> None:
        assert len(self.held) == len(self.waiting) + len(self.leased)
        assert self.consumer.messages == self.consumer.bytes == len(self.leased) <= IN_FLIGHT
        assert self.held.next_end() == min((ends for _, ends in self.leased.values()), default=None)


TestLeases = Leases.TestCase
TestLeases.settings = settings(stateful_step_count=25)
