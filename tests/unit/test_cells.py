import re
from collections import defaultdict
from unittest.mock import AsyncMock

import pytest

from confab import config
from confab.domain.cells import MAIN, cell_of, new_id, topic_of
from confab.domain.errors import Unavailable
from confab.domain.events import event_of
from confab.domain.limits import Limits
from confab.domain.requests import CreateConversation, parse
from confab.fanout.announce import InlineAnnouncer
from confab.fanout.publishers import CellPublisher, CircuitBreaker
from confab.ports.bus import Publisher
from confab.views import Views
from tests.support.adapters import MemoryAdapters, conversations_over
from tests.support.samples import conversation, message, principal
from tests.support.twins.store import MemoryStore

HEX = "8f14e45fceea467a9b2c1d0e3f5a7b6c"
LONGEST = "abcdefghijkl-9"
CELLS = ("b", "eu-west", LONGEST)


@pytest.mark.parametrize("cell", [MAIN, *CELLS])
def test_an_id_names_its_cell(cell):
    made = new_id(cell)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", made)
    assert cell_of(made, CELLS) == cell
    assert cell_of(f"probe-{made}", CELLS) == cell


def test_ids_and_topic_of_main_carry_no_cell():
    assert re.fullmatch(r"[0-9a-f]{32}", new_id(MAIN))
    assert topic_of(MAIN) == "confab-events"
    assert topic_of("b") == "confab-events-b"


@pytest.mark.parametrize(
    "stranger",
    [*(f"{HEX}{end}" for end in ("", "-gone", "-main", "-", "-B", "-b\n", "b", "_b")), "b", "c1-b", ""],
)
def test_an_id_of_no_other_cell_belongs_to_main(stranger):
    assert cell_of(stranger, CELLS) == MAIN


def views(**env: str) -> Views:
    return Views(config.load(env))


def test_another_cell_moves_no_conversation():
    before = views(CONFAB_CELLS="b=https://b.example")
    after = views(CONFAB_CELLS="c=https://c.example,b=https://b.example")
    for cell in [MAIN, "b"] * 50:
        room = conversation(new_id(cell))
        assert before.conversation(room) == after.conversation(room)
    assert before.conversation(conversation(f"{HEX}-b"))["realtimeUrl"] == "https://b.example"
    urls = [views().conversation(conversation(id_))["realtimeUrl"] for id_ in ("c1", "c2", "c3", "c4", HEX)]
    assert urls == [f"http://127.0.0.1:808{n}" for n in (2, 2, 2, 1, 2)]  # for ever the same


CHAT = parse(CreateConversation, {"type": "chat"}, Limits())


async def cells_of_new_ones(count, **env):
    adapters = MemoryAdapters(CONFAB_CELLS="b=https://b.example,c=https://c.example", **env)
    made = [await adapters.conversations.create_conversation(CHAT, caller=principal()) for _ in range(count)]
    return [cell_of(each.conversation.id, adapters.config.cells) for each in made]


async def test_new_conversations_spread_evenly_over_the_cells():
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


@pytest.fixture
def topics():
    """The publishers that a publisher has made, by cell."""
    return defaultdict[str, AsyncMock](lambda: AsyncMock(spec=Publisher))


@pytest.fixture
def publisher(topics):
    return CellPublisher(lambda cell: CircuitBreaker(topics[cell]), cells=CELLS)


def published(topics):
    """The numbers that each topic was asked to take."""
    return {
        cell: [call.args[0].seq for call in topic.publish.call_args_list] for cell, topic in topics.items()
    }


async def publish(publisher, *cells):
    for seq, cell in enumerate(cells, 1):
        await publisher.publish(event_of(message(seq, f"{HEX}-{cell}"), origin="i1"))


async def test_an_event_is_published_in_the_cell_of_its_conversation_until_all_are_closed(topics, publisher):
    await publish(publisher, "b", "eu-west", "b", "gone")
    assert published(topics) == {"b": [1, 3], "eu-west": [2], MAIN: [4]}
    await publisher.close()
    assert all(topic.close.await_count for topic in topics.values())
    with pytest.raises(Unavailable):
        await publish(publisher, LONGEST)
    assert LONGEST not in topics


async def test_it_connects_to_every_cell_before_the_first_event(topics, publisher):
    await publisher.connect()
    assert {cell for cell, topic in topics.items() if topic.connect.await_count} == {MAIN, *CELLS}


async def test_a_topic_that_takes_nothing_mutes_no_other_cell(topics, publisher):
    topics["b"].publish.side_effect = Unavailable("The event bus does not answer.")
    announcer = InlineAnnouncer(publisher, origin="a function")
    for seq in (1, 2):
        await announcer.announce(message(seq, f"{HEX}-b"))
        await announcer.announce(message(seq, HEX))
    assert published(topics) == {"b": [1], MAIN: [1, 2]}
