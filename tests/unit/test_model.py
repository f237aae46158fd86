"""A model of the whole: whatever users, the bus and the store do, each socket has its part of the log.

The use cases, the events of sockets and the rooms are the real ones, on two instances over one
store. The rules here are what may happen; `tests.support.model` states what must hold.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from confab.domain.events import event_of
from confab.realtime import room as room_module
from confab.realtime import rooms, served
from tests.support.model import EVERYBODY, READERS, Model, Way
from tests.support.model_client import JOINED, Client
from tests.support.samples import finalized, message

T = TypeVar("T")
LONG = 8
"""The entries that a conversation has before it may be finalized, so that there is something to lose."""

users = st.sampled_from(EVERYBODY)
ways: st.SearchStrategy[Way] = st.sampled_from((None, 0, 1))
places = st.integers(0, 1)
entrances = st.sampled_from((None, 0))
"""The number after which a client joins: with the latest page, or from the beginning."""
steps_of_a_join = st.integers(0, JOINED)
picks = st.integers(0, 99)
"""Pick one of what there is at that moment, see `picked`."""


class Conversations(RuleBasedStateMachine):
    """Two instances, functions, and a bus that drops, repeats, delays and reorders."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    def teardown(self) -> None:
        try:
            self.model.sweep()
        finally:
            self.model.close()

    @initialize(count=st.integers(0, 5))
    def begin(self, count: int) -> None:
        """A conversation with a socket in its room on each instance."""
        room = self.model.create()
        for _ in range(count):
            self.model.write(room, "alice", None)
        for at, after in enumerate((None, 0)):
            self.model.enter(room, "alice", at, after, JOINED)

    # What users do.

    @precondition(lambda self: len(self.model.logs) < 2 and not self.model.store.away)
    @rule()
    def create(self) -> None:
        self.model.create()

    @rule(
        room=picks,
        user=users,
        way=ways,
        key=st.sampled_from(("k1", "k2")),
        content=st.sampled_from(("a", "b")),
        crash=st.sampled_from((False, False, False, True)),
    )
    def write_with_a_key(
        self, room: int, user: str, way: Way, key: str, content: str, *, crash: bool
    ) -> None:
        self.model.write(self.room(room), user, way, content, key, crash=crash)

    @rule(room=picks, user=users, way=ways, count=st.integers(1, 6))
    def write(self, room: int, user: str, way: Way, count: int) -> None:
        for _ in range(count):
            self.model.write(self.room(room), user, way)

    @precondition(lambda self: all(self.model.logs.values()))
    @rule(room=picks, user=users, message=picks, content=st.sampled_from(("a", "edited", None)))
    def revise(self, room: int, user: str, message: int, content: str | None) -> None:
        """Edit or delete, whatever the number is of."""
        self.model.revise(self.room(room), user, message, content)

    @rule(
        room=picks,
        user=st.sampled_from(("alice", "alice", *EVERYBODY)),
        uid=st.sampled_from(EVERYBODY[1:]),
        access=st.sampled_from(("write", "read", None, None)),
        title=st.sampled_from((None, None, None, "new", "newer")),
    )
    def govern(self, room: int, user: str, uid: str, access: str | None, title: str | None) -> None:
        """Rename, let in, demote, let go, or leave."""
        self.model.govern(self.room(room), user, uid, access, title)

    @precondition(lambda self: self.long_logs())
    @rule(
        room=picks,
        user=users,
        sends=st.lists(st.tuples(ways, st.sampled_from(("alice", "bob"))), max_size=4),
        position=st.integers(0, 4),
    )
    def finalize(self, room: int, user: str, sends: list[tuple[Way, str]], position: int) -> None:
        """Several write meanwhile: each is numbered before the finalization or rejected."""
        self.model.finalize(picked(self.long_logs(), room), user, sends, position)

    # What clients do. A join pauses after any of its steps, and continues later.

    @rule(room=picks, user=st.sampled_from(READERS), at=places, after=entrances, steps=steps_of_a_join)
    def enter(self, room: int, user: str, at: int, after: int | None, steps: int) -> None:
        self.model.enter(self.room(room), user, at, after, steps)

    @rule(room=picks, at=places, after=entrances, count=st.integers(1, 4), away=st.booleans())
    def enter_slowly(self, room: int, at: int, after: int | None, count: int, *, away: bool) -> None:
        """Others write between the answer and the entries after it; then the store may be away."""
        client = self.model.enter(self.room(room), "rita", at, after, 1)
        for _ in range(count):
            self.model.write(self.room(room), "bob", at)
        self.model.store.away = away
        self.model.run(client.step())

    @precondition(lambda self: self.clients(idle=True))
    @rule(client=picks, after=st.sampled_from(("end", "end", "beyond", None, "start")), steps=steps_of_a_join)
    def enter_again(self, client: int, after: str | None, steps: int) -> None:
        """Read the next page, rejoin, or join while in the room; a number beyond the head is refused."""
        joining = picked(self.clients(idle=True), client)
        beyond = len(self.model.logs[joining.room]) + 10
        numbers = {"end": joining.view.end, "beyond": beyond, "start": 0, None: None}
        self.model.run(joining.join(numbers[after], steps))

    @precondition(lambda self: self.clients(idle=False))
    @rule(client=picks)
    def go_on(self, client: int) -> None:
        self.model.run(picked(self.clients(idle=False), client).step())

    @precondition(lambda self: self.clients(idle=True))
    @rule(client=picks)
    def leave(self, client: int) -> None:
        self.model.run(picked(self.clients(idle=True), client).leave())

    @precondition(lambda self: self.model.clients)
    @rule(client=picks)
    def disconnect(self, client: int) -> None:
        self.model.clients.pop(picked(list(self.model.clients), client)).disconnect()

    # What goes wrong, and time.

    @precondition(lambda self: self.model.bus.in_flight)
    @rule(
        moves=st.lists(
            st.tuples(picks, st.sampled_from(("deliver", "deliver", "repeat", "drop"))),
            min_size=1,
            max_size=6,
        )
    )
    def move_the_bus(self, moves: list[tuple[int, str]]) -> None:
        bus = self.model.bus
        for pick, move in moves[: len(bus.in_flight)]:
            self.model.run(bus.move(picked(bus.in_flight, pick), move))

    @rule(room=picks, ahead=st.integers(-1, 3), ends=st.booleans())
    def forge(self, room: int, ahead: int, *, ends: bool) -> None:
        """A stranger publishes an entry, with a number that is stored, or the next one, or a later one."""
        id_ = self.room(room)
        seq = max(len(self.model.logs[id_]) + ahead, 1)
        entry = finalized(seq, id_) if ends else message(seq, id_)
        self.model.run(self.model.bus.publish(event_of(entry, origin="mallory")))

    @rule(away=st.sampled_from((False, False, True)))
    def lose_or_find_the_store(self, *, away: bool) -> None:
        self.model.store.away = away

    @rule(turns=st.integers(1, 4))
    def wait(self, turns: int) -> None:
        for _ in range(turns):
            self.model.run(asyncio.sleep(0))

    @rule()
    def sweep(self) -> None:
        self.model.sweep()

    @invariant()
    def nothing_differs(self) -> None:
        self.model.check()

    # Choices.

    def room(self, pick: int) -> str:
        return picked(list(self.model.logs), pick)

    def long_logs(self) -> list[str]:
        return [room for room, log in self.model.logs.items() if len(log) >= LONG]

    def clients(self, *, idle: bool) -> list[Client]:
        return [client for client in self.model.clients.values() if client.idle is idle]


def picked(choices: Sequence[T], pick: int) -> T:
    return choices[pick % len(choices)]


@pytest.fixture(autouse=True, scope="module")
def small_bounds() -> Iterator[None]:
    """Every bound is met, nothing waits for a clock, and the log does not bury a failure."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(room_module, "MAX_TAIL", 1)
        patched.setattr(room_module, "MAX_WAITING", 2)
        patched.setattr(rooms, "GRACE_S", 0)
        patched.setattr(served, "FIRST_RETRY_S", 0)
        patched.setattr(served, "RETRY_S", 0)
        patched.setattr(served, "ENTRIES_PER_READ", 2)
        patched.setattr(rooms, "HEADS_PER_QUERY", 1)
        logging.disable(logging.WARNING)
        yield
        logging.disable(logging.NOTSET)


TestConversations = Conversations.TestCase
TestConversations.settings = settings(stateful_step_count=50)
