"""The pure room: what a socket gets, whatever order things happen in."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from confab.domain.models import Entry
from confab.realtime import room as room_module
from confab.realtime.room import Gap, Room
from tests.support.samples import log, message

LOG = log(60)


Sent = list[tuple[int, list[str]]]


def sent(room: Room[Entry]) -> Sent:
    """What the room sends now."""
    found: Sent = []
    while (delivery := room.next_delivery()) is not None:
        found.append((delivery.item.seq, sorted(delivery.sids)))
    return found


def received(room: Room[Entry], *entries: Entry) -> Sent:
    """What the room sends for each entry in turn."""
    found: Sent = []
    for entry in entries:
        room.receive(entry)
        found += sent(room)
    return found


def live_room(position: int = 0, *sids: str) -> Room[Entry]:
    room = Room[Entry]()
    for sid in sids or ("s1",):
        room.begin_join(sid)
        assert room.finish_join(sid, position) == []
    return room


def test_a_gap_ends_before_the_next_entry_that_waits():
    room = live_room()
    room.advance_head(6)
    assert received(room, message(3)) == []
    assert room.gap == Gap(1, 2)
    assert received(room, message(1), message(2)) == [(seq, ["s1"]) for seq in (1, 2, 3)]
    assert room.gap == Gap(4, 6)


def test_entries_delivered_during_a_join_follow_its_answer():
    room = live_room(0, "early")
    room.begin_join("late")
    assert received(room, message(1), message(2)) == [(1, ["early"]), (2, ["early"])]
    assert room.finish_join("late", 1) == [message(2)]
    assert received(room, message(3)) == [(3, ["early", "late"])]


def test_the_slower_of_two_first_joins_reads_what_the_faster_has():
    room = Room[Entry]()
    room.begin_join("slow")
    room.begin_join("fast")
    room.finish_join("fast", 5)
    received(room, message(6))
    assert room.finish_join("slow", 3) == Gap(4, 5)
    assert room.finish_join("slow", 5) == [message(6)]


def test_a_room_is_empty_without_sockets():
    room = live_room(0, "s1")
    assert not room.empty
    room.begin_join("s1")
    assert not room.empty
    room.leave("s1")
    assert room.empty


def test_the_entries_kept_after_a_gap_are_bounded_and_read_later(monkeypatch):
    monkeypatch.setattr(room_module, "MAX_WAITING", 3)
    room = live_room()
    for seq in (9, 8, 7, 6, 5):
        received(room, message(seq))
    assert room.gap == Gap(1, 4)
    for seq in (1, 2, 3):
        received(room, message(seq))
    assert received(room, message(4)) == [(seq, ["s1"]) for seq in (4, 5, 6, 7)]
    assert room.gap == Gap(8, 9)


def test_a_reset_forgets_the_numbers_that_are_not_stored():
    room = live_room()
    received(room, message(7))
    room.reset_head()
    assert room.gap is None
    assert received(room, *(message(seq) for seq in range(1, 7))) == [(seq, ["s1"]) for seq in range(1, 7)]


class RoomMachine(RuleBasedStateMachine):
    """Joins, reads, writes and a bus that drops, repeats and reorders; every socket gets every entry once."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room[Entry]()
        self.stored = 0
        self.got: dict[str, list[int]] = {}  # sid → what it has been given, from its join on
        self.reading: dict[str, int] = {}  # sid → the head that its read saw
        self.live: dict[str, int] = {}  # sid → the number its join ended with
        self.count = 0

    def give(self, sid: str, entries: Sequence[Entry]) -> None:
        self.got[sid] += [entry.seq for entry in entries]

    def deliver(self) -> None:
        while (delivery := self.room.next_delivery()) is not None:
            for sid in delivery.sids:
                assert sid in self.live
                self.give(sid, [delivery.item])

    def receive(self, entry: Entry) -> None:
        self.room.receive(entry)
        self.deliver()

    @rule()
    def write(self) -> None:
        if self.stored < len(LOG):
            self.stored += 1

    @rule(data=st.data())
    def bring(self, data: st.DataObject) -> None:
        if self.stored:
            self.receive(LOG[data.draw(st.integers(0, self.stored - 1))])

    @rule()
    def begin_join(self) -> None:
        self.read(f"s{self.count}")
        self.count += 1

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def join_again(self, data: st.DataObject) -> None:
        sid = data.draw(st.sampled_from(sorted(self.live)))
        del self.live[sid]
        self.read(sid)

    def read(self, sid: str) -> None:
        self.room.begin_join(sid)
        self.reading[sid] = self.stored

    @precondition(lambda self: self.reading)
    @rule(data=st.data())
    def finish_join(self, data: st.DataObject) -> None:
        sid = data.draw(st.sampled_from(sorted(self.reading)))
        position = self.reading.pop(sid)
        self.got[sid] = []
        self.live[sid] = position
        while isinstance(outcome := self.room.finish_join(sid, position), Gap):
            self.give(sid, LOG[outcome.first - 1 : outcome.last])
            position = outcome.last
        self.give(sid, outcome)
        self.deliver()

    @precondition(lambda self: self.live or self.reading)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        sid = data.draw(st.sampled_from(sorted({*self.live, *self.reading})))
        self.live.pop(sid, None)
        self.room.leave(sid)
        if self.reading.pop(sid, None) is not None:
            assert self.room.finish_join(sid, self.stored) == ()

    @rule()
    def sweep(self) -> None:
        """The store fills every gap: afterwards each live socket has everything."""
        self.room.advance_head(self.stored)
        while (gap := self.room.gap) is not None:
            assert gap.first <= gap.last, "a gap without entries would be read for ever"
            for entry in LOG[gap.first - 1 : gap.last]:
                self.receive(entry)
        for sid, position in self.live.items():
            assert self.got[sid] == list(range(position + 1, self.stored + 1))

    @invariant()
    def every_socket_has_a_run_without_gap_or_repeat(self) -> None:
        for sid, position in self.live.items():
            assert self.got[sid] == list(range(position + 1, position + 1 + len(self.got[sid])))


@pytest.fixture(autouse=True, scope="module")
def short_memory() -> Iterator[None]:
    """Few entries are kept for joining sockets, so that some must read the store."""
    usual, room_module.MAX_TAIL = room_module.MAX_TAIL, 3
    yield
    room_module.MAX_TAIL = usual


TestRoomMachine = RoomMachine.TestCase
TestRoomMachine.settings = settings(stateful_step_count=40)
