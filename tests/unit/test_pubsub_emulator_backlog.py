from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from infra.local.pubsub_emulator.backlog import Backlog, Consumer, Delivery


def backlog(*, retention: float = 600, max_messages: int = 100, max_bytes: int = 1_000) -> Backlog[str]:
    return Backlog(retention=retention, max_messages=max_messages, max_bytes=max_bytes)


def lease(
    held: Backlog[str],
    now: float,
    *,
    consumer: Consumer | None = None,
    seconds: float = 10,
    limit: int = 100,
    max_bytes: int = 1_000,
) -> list[Delivery[str]]:
    consumer = consumer or Consumer()
    return held.lease(consumer, seconds=seconds, limit=limit, max_bytes=max_bytes, now=now)


def messages(deliveries: list[Delivery[str]]) -> list[str]:
    return [delivery.message for delivery in deliveries]


def filled(*names: str) -> Backlog[str]:
    held = backlog()
    for name in names:
        held.add(name, 1, 0)
    return held


def test_messages_are_handed_out_oldest_first_and_once() -> None:
    held = filled("a", "b", "c")
    assert messages(lease(held, 0, limit=2)) == ["a", "b"]
    assert messages(lease(held, 0)) == ["c"]
    assert lease(held, 9.9) == []


def test_a_lease_that_ends_brings_the_message_back_with_another_ack_id() -> None:
    held = filled("a")
    (first,) = lease(held, 0)
    assert held.next_end() == 10
    (second,) = lease(held, 10)
    assert (second.message, second.attempt) == ("a", 2)
    assert second.ack_id != first.ack_id


def test_what_comes_back_goes_before_what_is_newer() -> None:
    held = filled("a", "b")
    lease(held, 0, limit=1)
    assert messages(lease(held, 10)) == ["a", "b"]


def test_an_acknowledged_message_never_comes_back() -> None:
    held = filled("a")
    (delivery,) = lease(held, 0)
    held.acknowledge([delivery.ack_id])
    assert len(held) == 0
    assert lease(held, 100) == []
    assert held.next_end() is None


def test_an_ack_id_means_nothing_once_its_lease_has_ended() -> None:
    held = filled("a")
    (stale,) = lease(held, 0)
    (fresh,) = lease(held, 10)
    held.acknowledge([stale.ack_id, "never given"])
    held.modify([stale.ack_id], 0, 10)
    assert len(held) == 1
    assert lease(held, 19) == []
    held.acknowledge([fresh.ack_id])
    assert len(held) == 0


def test_a_lease_can_be_made_longer_and_shorter() -> None:
    held = filled("a")
    (delivery,) = lease(held, 0)
    held.modify([delivery.ack_id], 60, 5)
    assert lease(held, 64) == []
    held.modify([delivery.ack_id], 1, 64)
    assert held.next_end() == 65
    assert messages(lease(held, 65)) == ["a"]


def test_a_refused_message_is_free_at_once() -> None:
    held = filled("a")
    (delivery,) = lease(held, 0)
    held.modify([delivery.ack_id], 0, 0)
    assert messages(lease(held, 0)) == ["a"]


def test_messages_older_than_the_retention_go_leased_or_not() -> None:
    held = backlog(retention=20)
    held.add("old and leased", 1, 0)
    (delivery,) = lease(held, 0, seconds=600)
    held.add("old", 1, 1)
    held.add("young", 1, 15)
    assert messages(lease(held, 21)) == ["young"]
    held.acknowledge([delivery.ack_id])
    assert len(held) == 1


def test_the_oldest_go_when_there_are_too_many() -> None:
    held = backlog(max_messages=2)
    for name in "abc":
        held.add(name, 1, 0)
    assert messages(lease(held, 0)) == ["b", "c"]


def test_the_oldest_go_when_they_are_too_big_together_but_never_the_newest() -> None:
    held = backlog(max_bytes=10)
    held.add("a", 6, 0)
    held.add("b", 6, 0)
    assert messages(lease(held, 0)) == ["b"]
    held.add("huge", 100, 0)
    assert messages(lease(held, 0, max_bytes=1)) == ["huge"]


def test_flow_control_stops_at_the_messages_and_bytes_that_are_out() -> None:
    held = filled("a", "b", "c")
    two = Consumer(max_messages=2)
    out = lease(held, 0, consumer=two)
    assert messages(out) == ["a", "b"]
    held.acknowledge([out[0].ack_id])
    assert messages(lease(held, 0, consumer=two)) == ["c"]
    assert messages(lease(filled("a", "b"), 0, consumer=Consumer(max_bytes=1))) == ["a"]


def test_a_response_is_bounded_in_bytes_but_never_empty() -> None:
    held = backlog()
    for name in "abc":
        held.add(name, 10, 0)
    assert messages(lease(held, 0, max_bytes=20)) == ["a", "b"]
    assert messages(lease(held, 0, max_bytes=5)) == ["c"]


def test_leases_that_are_extended_for_ever_do_not_grow_the_memory() -> None:
    held = backlog(retention=1e9)
    held.add("a", 1, 0)
    (delivery,) = lease(held, 0)
    for now in range(10_000):
        held.modify([delivery.ack_id], 600, now)
    assert len(held._ends) < 3_000
    assert held.next_end() == 9_999 + 600


class Life(RuleBasedStateMachine):
    """Whatever happens, each message is waiting, leased or gone for a reason; never in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.held = backlog(retention=1e9, max_messages=10_000, max_bytes=1_000_000)
        self.consumer = Consumer(max_messages=5)
        self.unacknowledged: set[str] = set()
        self.out: dict[str, tuple[str, float]] = {}
        self.added = 0

    @rule(count=st.integers(1, 4))
    def add(self, count: int) -> None:
        for _ in range(count):
            self.added += 1
            self.held.add(str(self.added), 1, self.now)
            self.unacknowledged.add(str(self.added))

    @rule(seconds=st.integers(1, 20))
    def hand_out(self, seconds: int) -> None:
        self._forget_ended()
        for delivery in lease(self.held, self.now, consumer=self.consumer, seconds=seconds):
            assert delivery.message in self.unacknowledged
            assert delivery.message not in {message for message, _ in self.out.values()}
            self.out[delivery.ack_id] = delivery.message, self.now + seconds

    @rule(data=st.data(), seconds=st.integers(0, 20))
    def modify(self, data: st.DataObject, seconds: int) -> None:
        self._forget_ended()
        if self.out:
            ack_id = data.draw(st.sampled_from(sorted(self.out)))
            self.held.modify([ack_id], seconds, self.now)
            self.out[ack_id] = self.out[ack_id][0], self.now + seconds

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        self._forget_ended()
        if self.out:
            ack_id = data.draw(st.sampled_from(sorted(self.out)))
            self.held.acknowledge([ack_id])
            self.unacknowledged.remove(self.out.pop(ack_id)[0])

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.held) == len(self.unacknowledged)

    @invariant()
    def flow_control_counts_what_is_out(self) -> None:
        self._forget_ended()
        assert self.consumer.messages == self.consumer.bytes == len(self.out) <= 5

    def teardown(self) -> None:
        self.now += 1_000
        left = set()
        while given := lease(self.held, self.now):
            left.update(messages(given))
            self.held.acknowledge([delivery.ack_id for delivery in given])
        assert left == self.unacknowledged

    def _forget_ended(self) -> None:
        self.held.expire(self.now)
        self.out = {ack_id: lease for ack_id, lease in self.out.items() if lease[1] > self.now}


TestLife = Life.TestCase
TestLife.settings = settings(stateful_step_count=40)
