"""The backlog of an emulated subscription: leases, retention, bounds and flow control."""

from infra.local.pubsub_emulator.backlog import Backlog, Consumer, Delivery


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


def test_a_message_is_redelivered_in_its_old_place_when_its_lease_ends_and_an_old_ack_id_means_nothing():
    held, consumer = backlog(), Consumer(max_messages=2)
    for name in "abc":
        held.add(name, 1, 0)
    first, second = lease(held, 0, consumer=consumer)
    assert lease(held, 1, consumer=consumer) == []  # flow control
    held.modify([first.ack_id], 20, 1)
    held.acknowledge([second.ack_id, "unknown"])
    assert held.next_end() == 21
    assert messages(lease(held, 20, consumer=consumer)) == ["c"]
    (again,) = lease(held, 21, consumer=consumer)
    assert (again.message, first.attempt, again.attempt) == ("a", 1, 2)
    held.acknowledge([first.ack_id])
    held.modify([first.ack_id], 0, 21)
    assert (len(held), consumer.messages, consumer.bytes) == (2, 2, 2)
    held.modify([again.ack_id], 0, 22)
    assert messages(lease(held, 22, consumer=consumer)) == ["a"]
    assert messages(lease(held, 30)) == ["c"]
    assert (len(held), held.next_end()) == (2, 32)
