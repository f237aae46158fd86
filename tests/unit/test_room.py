"""The pure room: what a socket gets, whatever order things happen in."""

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from confab.domain.entries import Entry
from confab.realtime import room as room_module
from confab.realtime.room import Gap, Room
from tests.support.samples import log, message

LOG = log(60)


def received(room: Room[Entry], *seqs: int) -> list[int]:
    """The numbers that the room hands out for these entries in turn."""
    found: list[int] = []
    for seq in seqs:
        room.receive(message(seq))
        while (delivery := room.next_delivery()) is not None:
            found.append(delivery.item.seq)
    return found


def test_the_entries_kept_after_a_gap_are_bounded_and_read_later(monkeypatch):
    monkeypatch.setattr(room_module, "MAX_WAITING", 3)
    room = Room[Entry]()
    room.begin_join("s1")
    room.finish_join("s1", 0)
    assert received(room, 9, 8, 7, 6, 5) == []
    assert room.gap == Gap(1, 4)
    assert received(room, 1, 2, 3, 4) == [1, 2, 3, 4, 5, 6, 7]
    assert room.gap == Gap(8, 9)


class RoomMachine(RuleBasedStateMachine):
    """Joins, reads, writes and a bus that drops, repeats and reorders; every socket gets every entry once."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room[Entry]()
        self.stored = 0
        self.numbers = itertools.count()
        self.got: dict[str, list[int]] = {}  # sid → what it has been given, from its join on
        self.reading: dict[str, int] = {}  # sid → the head that its read saw
        self.live: dict[str, int] = {}  # sid → the number its join ended with

    def give(self, sid: str, entries: Sequence[Entry]) -> None:
        self.got[sid] += [entry.seq for entry in entries]

    def receive(self, *entries: Entry) -> None:
        for entry in entries:
            self.room.receive(entry)
        while (delivery := self.room.next_delivery()) is not None:
            for sid in delivery.sids:
                assert sid in self.live
                self.give(sid, [delivery.item])

    @rule(count=st.integers(1, 4))
    def write(self, count: int) -> None:
        self.stored = min(self.stored + count, len(LOG))

    @rule(data=st.data())
    def bring(self, data: st.DataObject) -> None:
        if self.stored:
            self.receive(LOG[data.draw(st.integers(0, self.stored - 1))])

    @rule(beyond=st.integers(0, 3))
    def name(self, beyond: int) -> None:
        """The bus names an entry, which may not be stored."""
        self.room.advance_head(self.stored + beyond)

    @rule(data=st.data())
    def begin_join(self, data: st.DataObject) -> None:
        """A new socket joins, or a live one again."""
        sid = data.draw(st.sampled_from([f"s{next(self.numbers)}", *self.live]))
        self.live.pop(sid, None)
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
        self.receive()

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
            if gap.first > self.stored:
                self.room.reset_head()
                assert self.room.gap is None
            self.receive(*LOG[gap.first - 1 : min(gap.last, self.stored)])
        for sid, position in self.live.items():
            assert self.got[sid] == list(range(position + 1, self.stored + 1))

    @invariant()
    def the_room_is_empty_without_sockets(self) -> None:
        assert self.room.empty == (not self.live and not self.reading)

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
