"""What a socket may cost: who waits for admission, how fast it sends, and whose address it counts for."""

import pytest

from confab.domain.errors import Unavailable
from confab.realtime.socketio.admission import RETRY_S, WaitingRoom, client_address
from confab.realtime.socketio.limits import BURST, BYTES_A_PACKET, FLOOD_S, PACKETS_PER_S, TokenBucket


def test_an_address_has_few_connections_waiting_and_gets_room_again():
    room = WaitingRoom(2, 0)
    for sid in ("s1", "s2", "s3"):
        room.enter(sid, "192.0.2.1" if sid != "s3" else "192.0.2.2")
    with pytest.raises(Unavailable, match="at most 2 connections") as refused:
        room.require_room("192.0.2.1")
    assert refused.value.retry_after == RETRY_S
    room.require_room("192.0.2.2")
    room.leave("s1")
    room.leave("s1")
    room.require_room("192.0.2.1")
    assert len(room) == 2


def test_past_the_total_the_oldest_of_the_address_with_most_goes():
    room = WaitingRoom(0, 3)
    entered = [room.enter(sid, sid[0]) for sid in ("a1", "b1", "b2", "c1")]
    assert entered == [None, None, None, "b1"]
    room.leave("b1")
    assert room.enter("a2", "a") == "a1"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ([], 0, "192.0.2.9"),
        ([], 1, "192.0.2.9"),
        (["203.0.113.5"], 0, "192.0.2.9"),
        (["198.51.100.1, 203.0.113.5"], 1, "203.0.113.5"),
        (["198.51.100.1", "203.0.113.5"], 2, "198.51.100.1"),
        (["203.0.113.5"], 2, "192.0.2.9"),
        (["forged"], 1, "192.0.2.9"),
        (["2001:db8:1:2:3::4"], 1, "2001:db8:1:2::/64"),
        (["::ffff:203.0.113.5"], 1, "203.0.113.5"),
    ],
)
def test_a_connection_counts_for_the_address_that_our_own_proxies_saw(forwarded, proxies, address):
    assert client_address("192.0.2.9", forwarded, proxies) == address


def sent(bucket: TokenBucket, packets: int, *, every: float, now: float = 0.0) -> tuple[float, float]:
    """When a socket that sends so often has its last packet handled, and how long it was slowed in all."""
    slowed = 0.0
    for _ in range(packets):
        wait = bucket.take(now)
        slowed += wait
        now += wait + every
    return now, slowed


def test_a_socket_that_floods_is_slowed_to_its_rate_and_then_ended():
    bucket = TokenBucket()
    assert sent(bucket, BURST, every=0) == pytest.approx((0, 0))
    now, _ = sent(bucket, int(PACKETS_PER_S * FLOOD_S / 2), every=0)
    assert now == pytest.approx(FLOOD_S / 2)
    assert not bucket.floods(now)
    now, _ = sent(bucket, int(PACKETS_PER_S * FLOOD_S), every=0, now=now)
    assert bucket.floods(now)


def test_a_burst_now_and_then_and_what_does_not_count_are_no_flood():
    bucket, now = TokenBucket(), 0.0
    for _ in range(10):
        now, _ = sent(bucket, BURST + 10, every=0, now=now)
        now += BURST / PACKETS_PER_S
        assert not bucket.floods(now)
    tokens = TokenBucket.tokens(10 * BYTES_A_PACKET)
    for _ in range(10_000):
        assert bucket.take(now, tokens) == 0
        bucket.give_back(tokens)


def test_a_large_packet_counts_as_several():
    bucket = TokenBucket()
    assert bucket.take(0.0, TokenBucket.tokens(BURST * BYTES_A_PACKET)) == pytest.approx(1 / PACKETS_PER_S)
