"""The Python client's follower gives out each entry once and in order, whatever arrives."""

from hypothesis import given
from hypothesis import strategies as st

from confab_client.follower import ERASED_AT_ONCE, MOST_WAITING, Follower


def entry(seq):
    return {"kind": "message" if seq % 3 else "of_tomorrow", "seq": seq}


def page(log, after, size, erasures=0):
    """What a join acknowledges of a log of so many entries."""
    conversation = {"seq": log, "erasures": erasures, "finalizedAt": None}
    entries = [entry(seq) for seq in range(after + 1, min(log, after + size) + 1)]
    return {"conversation": conversation, "entries": entries, "hasMore": after + size < log}


def taken(follower):
    return list(iter(follower.take, None))


class World:
    """A log, and a follower of it whose first page has come."""

    def __init__(self, after):
        self.follower, self.log, self.erasures = Follower("c1", after), after, 0
        self.seen = []
        self.page(1)

    def page(self, size):
        if not self.follower.live:
            self.follower.page(page(self.log, self.follower.last, size, self.erasures))

    def event(self, ahead):
        """One that was sent already, the next one, or one after a gap."""
        if 1 <= (seq := (self.follower.last or 0) + 1 + ahead) <= self.log:
            self.follower.event(entry(seq)["kind"], entry(seq))

    def write(self, number):
        self.log += number

    def erase(self, arrives):
        self.erasures += 1
        if arrives:
            self.follower.event("erased", {"erasures": self.erasures, "seqs": [1]})

    def lose(self, how):
        if how:
            self.follower.event("resync", {"after": self.follower.last})
        self.follower.live = False

    def take(self, _):
        self.seen += taken(self.follower)


STEPS = st.tuples(st.sampled_from(["page", "event", "write", "erase", "lose", "take"]), st.integers(-2, 4))


@given(st.integers(0, 3), st.lists(STEPS, max_size=60))
def test_every_entry_once_and_in_order_and_the_last_erasure_told(after, steps):
    world = World(after)
    for step, number in steps:
        getattr(world, step)(number if step == "event" else max(number, step in ("page", "write")))
    world.lose(how=False)
    while not world.follower.live:
        world.page(2)
    world.take(None)
    assert [one["seq"] for one in world.seen if "seq" in one] == list(range(after + 1, world.log + 1))
    counts = [0, *(one["erasures"] for one in world.seen if one["kind"] == "erased")]
    assert counts == sorted(set(counts))
    assert counts[-1] == world.erasures


def test_whoever_takes_nothing_holds_a_bounded_number_and_misses_none():
    follower = Follower("c1", 0)
    follower.page(page(0, 0, 10))
    for seq in range(1, 2 * MOST_WAITING):
        follower.event(entry(seq)["kind"], entry(seq))
    follower.event("erased", {"erasures": 1, "seqs": [1]})
    assert (len(taken(follower)), follower.last, follower.live) == (MOST_WAITING, MOST_WAITING, False)
    follower.page(page(2 * MOST_WAITING, MOST_WAITING, MOST_WAITING, erasures=1))
    erased, *rest = taken(follower)
    assert (erased["seqs"], rest[0]["seq"], len(rest)) == (None, MOST_WAITING + 1, MOST_WAITING)


def test_an_erasure_in_parts_is_one():
    follower = Follower("c1", 0)
    follower.page(page(0, 0, 10))
    for seqs in (list(range(ERASED_AT_ONCE)), [7]):
        follower.event("erased", {"erasures": 1, "seqs": seqs})
    assert [len(one["seqs"]) for one in taken(follower)] == [ERASED_AT_ONCE, 1]


def test_without_a_number_the_newest_page_comes_first_and_a_finalized_one_ends():
    conversation = {"seq": 9, "erasures": 0, "finalizedAt": "2026-01-01T00:00:00.000Z"}
    follower = Follower("c1")
    follower.page({"conversation": conversation, "messages": [entry(7)], "hasMore": True})
    assert [one["seq"] for one in taken(follower)] == [7, 9]
    assert follower.over == "finalized"
