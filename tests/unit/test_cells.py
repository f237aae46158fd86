import asyncio
import re

import pytest

from confab import config
from confab.domain.cells import MAIN, cell_of, new_id, topic_of
from confab.domain.errors import Unavailable
from confab.domain.events import Event, event_of
from confab.domain.limits import Limits
from confab.domain.requests import CreateConversation, parse
from confab.fanout.announce import InlineAnnouncer
from confab.fanout.publishers import CellPublisher, CircuitBreaker
from confab.views import Views
from tests.support.adapters import MemoryAdapters, conversations_over
from tests.support.samples import conversation, message, principal
from tests.support.twins.store import MemoryStore

HEX = "8f14e45fceea467a9b2c1d0e3f5a7b6c"
LONGEST = "abcdefghijkl-9"
CELLS = ("b", "eu-west", LONGEST)


@pytest.mark.parametrize("cell", [MAIN, *CELLS])
def test_an_id_says_which_cell_it_is_of(cell):
    made = new_id(cell)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", made)
    assert cell_of(made, CELLS) == cell
    assert cell_of(f"probe-{made}", CELLS) == cell


def test_an_id_of_main_is_what_it_was_before_there_were_cells():
    assert re.fullmatch(r"[0-9a-f]{32}", new_id(MAIN))
    assert topic_of(MAIN) == "confab-events"
    assert topic_of("b") == "confab-events-b"


@pytest.mark.parametrize(
    "stranger",
    [
        HEX,
        f"{HEX}-gone",
        f"{HEX}-main",
        f"{HEX}-",
        f"{HEX}-B",
        f"{HEX}-b\n",
        f"{HEX}b",
        f"{HEX}_b",
        "b",
        "c1-b",
        "",
    ],
)
def test_whatever_an_id_looks_like_it_has_a_cell(stranger):
    assert cell_of(stranger, CELLS) == MAIN


def views(**env: str) -> Views:
    return Views.of(config.load(env))


def test_a_cell_more_moves_no_conversation():
    before = views(CONFAB_CELLS="b=https://b.example")
    after = views(CONFAB_CELLS="c=https://c.example,b=https://b.example")
    for cell in [MAIN, "b"] * 50:
        room = conversation(new_id(cell))
        assert before.conversation(room) == after.conversation(room)
    assert before.conversation(conversation(f"{HEX}-b"))["realtimeUrl"] == "https://b.example"


def test_with_no_cell_configured_addresses_are_picked_as_before():
    urls = [views().conversation(conversation(id_))["realtimeUrl"] for id_ in ("c1", "c2", "c3", "c4", HEX)]
    assert urls == [f"http://127.0.0.1:808{n}" for n in (2, 2, 2, 1, 2)]


CHAT = parse(CreateConversation, {"type": "chat"}, Limits())


async def cells_of_new_ones(count, **env):
    adapters = MemoryAdapters(CONFAB_CELLS="b=https://b.example,c=https://c.example", **env)
    made = [await adapters.conversations.create_conversation(CHAT, caller=principal()) for _ in range(count)]
    return [cell_of(each.conversation.id, adapters.config.cells) for each in made]


async def test_new_conversations_go_to_every_cell_alike():
    found = await cells_of_new_ones(600)
    assert all(130 < found.count(cell) < 270 for cell in (MAIN, "b", "c"))  # 6 deviations off 200


async def test_a_full_cell_gets_no_new_conversation():
    assert set(await cells_of_new_ones(50, CONFAB_NEW_CELLS="main,c")) == {MAIN, "c"}


async def test_a_repeated_creation_stays_in_the_cell_of_the_first():
    store = MemoryStore()
    first, again = [
        await conversations_over(store, cells=(cell,)).create_conversation(CHAT, "key", caller=principal())
        for cell in ("b", "c")
    ]
    assert (first.conversation.id, again.new) == (again.conversation.id, False)


class Bus:
    """Publishers that note what they take, by cell; those of some cells take nothing."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.taken: list[tuple[str, int | None]] = []
        self.closed: list[str] = []
        self.connected: list[str] = []
        self.down: set[str] = set()

    def publisher(self, cell: str) -> "Topic":
        self.made.append(cell)
        return Topic(self, cell)


class Topic:
    """Implements `Publisher`."""

    def __init__(self, bus: Bus, cell: str) -> None:
        self._bus = bus
        self._cell = cell

    async def connect(self) -> None:
        self._bus.connected.append(self._cell)

    async def publish(self, event: Event) -> None:
        if self._cell in self._bus.down:
            raise Unavailable("The event bus does not answer.")
        self._bus.taken.append((self._cell, event.seq))

    async def close(self) -> None:
        await asyncio.sleep(0)
        self._bus.closed.append(self._cell)


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def publisher(bus):
    return CellPublisher(lambda cell: CircuitBreaker(bus.publisher(cell)), cells=CELLS)


def told(seq, cell):
    return event_of(message(seq, f"{HEX}-{cell}"), origin="i1")


async def test_an_event_is_published_in_the_cell_of_its_conversation(bus, publisher):
    for seq, cell in enumerate(["b", "eu-west", "b", "gone"], 1):
        await publisher.publish(told(seq, cell))
    assert bus.taken == [("b", 1), ("eu-west", 2), ("b", 3), (MAIN, 4)]
    assert bus.made == ["b", "eu-west", MAIN]


async def test_it_connects_to_every_cell_ahead_of_the_first_event(bus, publisher):
    await publisher.connect()
    assert sorted(bus.connected) == sorted([MAIN, *CELLS])


async def test_what_is_closed_takes_nothing_for_any_cell(bus, publisher):
    await publisher.publish(told(1, "b"))
    await publisher.publish(told(2, "gone"))
    await publisher.close()
    assert bus.closed == ["b", MAIN]
    with pytest.raises(Unavailable):
        await publisher.publish(told(3, "eu-west"))
    assert bus.made == ["b", MAIN]


async def test_a_topic_that_takes_nothing_mutes_no_other_cell(bus, publisher):
    announcer = InlineAnnouncer(publisher, origin="a function")
    bus.down = {"b"}
    for seq in (1, 2):
        await announcer.announce(message(seq, f"{HEX}-b"))
        await announcer.announce(message(seq, HEX))
    assert bus.taken == [(MAIN, 1), (MAIN, 2)]
