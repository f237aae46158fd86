"""A model of the whole: whatever users, the bus and the store do, each socket has its part of the log.

The use cases, the events of sockets and the rooms are the real ones, on two instances over one
store. The rules here choose the actions; `tests.support.model` performs them and states what must hold.
"""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from confab.realtime import room as room_module
from confab.realtime import rooms
from tests.support.model import EVERYBODY, PAGE, READERS, Model, Way
from tests.support.model_client import JOINED, Client
from tests.support.samples import finalized, message

LONG = 8
"""The entries that a conversation has before it may be finalized, so that there is something to lose."""

users = st.sampled_from(EVERYBODY)
ways: st.SearchStrategy[Way] = st.sampled_from((None, 0, 1))
steps_of_a_join = st.integers(0, JOINED)


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
            self.model.write(room, "alice", None, self.model.new_name(), None, crash=False)
        for at, after in enumerate((None, 0)):
            self.model.enter(room, "alice", at, after, JOINED)

    # What users do.

    @precondition(lambda self: len(self.model.logs) < 2 and not self.model.store.away)
    @rule()
    def create(self) -> None:
        self.model.create()

    @rule(
        data=st.data(),
        user=users,
        way=ways,
        key=st.sampled_from((None, None, "k1", "k2")),
        crash=st.sampled_from((False, False, False, True)),
    )
    def write(self, data: st.DataObject, user: str, way: Way, key: str | None, *, crash: bool) -> None:
        content = self.model.new_name() if key is None else data.draw(st.sampled_from(("a", "b")))
        self.model.write(self.draw_room(data), user, way, content, key, crash=crash)

    @rule(data=st.data(), count=st.integers(2, 6), way=ways)
    def write_some(self, data: st.DataObject, count: int, way: Way) -> None:
        room = self.draw_room(data)
        for _ in range(count):
            self.model.write(room, "bob", way, self.model.new_name(), None, crash=False)

    @precondition(lambda self: self.long_logs() and not self.model.store.away)
    @rule(data=st.data(), sends=st.lists(st.tuples(ways, st.sampled_from(("alice", "bob"))), max_size=4))
    def race(self, data: st.DataObject, sends: list[tuple[Way, str]]) -> None:
        room = data.draw(st.sampled_from(self.long_logs()))
        self.model.race(room, sends, data.draw(st.integers(0, len(sends))))

    @precondition(lambda self: self.long_logs())
    @rule(data=st.data(), user=users)
    def finalize(self, data: st.DataObject, user: str) -> None:
        self.model.finalize(data.draw(st.sampled_from(self.long_logs())), user)

    @rule(
        data=st.data(),
        user=users,
        limit=st.integers(1, PAGE),
        side=st.sampled_from(("after", "before", None)),
    )
    def read(self, data: st.DataObject, user: str, limit: int, side: str | None) -> None:
        room = self.draw_room(data)
        head = len(self.model.logs[room])
        number = data.draw(st.integers(0 if side == "after" else 1, head + 2))
        self.model.read(room, user, limit, **({side: number} if side else {}))

    # What clients do. A join pauses after any of its steps, and continues later.

    @rule(
        data=st.data(),
        user=st.sampled_from(READERS),
        at=st.integers(0, 1),
        after=st.sampled_from((None, 0)),
        steps=steps_of_a_join,
    )
    def enter(self, data: st.DataObject, user: str, at: int, after: int | None, steps: int) -> None:
        self.model.enter(self.draw_room(data), user, at, after, steps)

    @rule(data=st.data(), at=st.integers(0, 1), count=st.integers(1, 4), away=st.booleans())
    def enter_slowly(self, data: st.DataObject, at: int, count: int, *, away: bool) -> None:
        """Others write between the answer and the entries after it; then the store may be away."""
        room = self.draw_room(data)
        self.model.enter(room, "rita", at, 0, 1)
        for _ in range(count):
            self.model.write(room, "bob", at, self.model.new_name(), None, crash=False)
        self.model.store.away = away
        self.model.run(next(reversed(self.model.clients.values())).step())

    @precondition(lambda self: self.some(idle=True))
    @rule(data=st.data(), steps=steps_of_a_join)
    def enter_again(self, data: st.DataObject, steps: int) -> None:
        """Read the next page, rejoin, or join while in the room; a number beyond the head is refused."""
        client = self.draw_client(data, idle=True)
        end, beyond = client.view.end, len(self.model.logs[client.room]) + 10
        after = data.draw(st.sampled_from((end, end, beyond, None, 0)))
        self.model.run(client.join(after, steps))

    @precondition(lambda self: self.some(idle=False))
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        self.model.run(self.draw_client(data, idle=False).step())

    @precondition(lambda self: self.some(idle=True))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.model.run(self.draw_client(data, idle=True).leave())

    @precondition(lambda self: self.model.clients)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        self.model.clients.pop(data.draw(st.sampled_from(sorted(self.model.clients)))).disconnect()

    # What goes wrong, and time.

    @precondition(lambda self: self.model.bus.in_flight)
    @rule(
        data=st.data(),
        moves=st.lists(st.sampled_from(("deliver", "deliver", "repeat", "drop")), min_size=1, max_size=6),
    )
    def move_the_bus(self, data: st.DataObject, moves: list[str]) -> None:
        bus = self.model.bus
        for move in moves[: len(bus.in_flight)]:
            index = data.draw(st.integers(0, len(bus.in_flight) - 1))
            if move == "drop":
                bus.drop(index)
            else:
                self.model.run(bus.deliver(index, again=move == "repeat"))

    @rule(data=st.data(), ahead=st.integers(-1, 3), ends=st.booleans())
    def forge(self, data: st.DataObject, ahead: int, *, ends: bool) -> None:
        """A stranger publishes an entry, with a number that is stored, or the next one, or a later one."""
        room = self.draw_room(data)
        seq = max(len(self.model.logs[room]) + ahead, 1)
        self.model.bus.forge(finalized(seq, room) if ends else message(seq, room))

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
        self.model.check_sockets()
        self.model.check_logs()

    # Choices.

    def long_logs(self) -> list[str]:
        return [room for room, log in self.model.logs.items() if len(log) >= LONG]

    def draw_room(self, data: st.DataObject) -> str:
        return list(self.model.logs)[data.draw(st.integers(0, len(self.model.logs) - 1))]

    def some(self, *, idle: bool) -> bool:
        return any(client.idle is idle for client in self.model.clients.values())

    def draw_client(self, data: st.DataObject, *, idle: bool) -> Client:
        found = [client for client in self.model.clients.values() if client.idle is idle]
        return found[data.draw(st.integers(0, len(found) - 1))]


@pytest.fixture(autouse=True, scope="module")
def small_bounds() -> Iterator[None]:
    """Every bound is met, and nothing waits for a clock."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(room_module, "MAX_TAIL", 1)
        patched.setattr(room_module, "MAX_WAITING", 2)
        patched.setattr(rooms, "GRACE_S", 0)
        patched.setattr(rooms, "FIRST_RETRY_S", 0)
        patched.setattr(rooms, "RETRY_S", 0)
        patched.setattr(rooms, "ENTRIES_PER_READ", 2)
        patched.setattr(rooms, "HEADS_PER_QUERY", 1)
        yield


@pytest.fixture(autouse=True, scope="module")
def quiet_log() -> Iterator[None]:
    """The log of a store that is away would bury a failure."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


TestConversations = Conversations.TestCase
TestConversations.settings = settings(stateful_step_count=50)
