"""The parts agree with the whole, and the model with the code."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from confab.domain.events import Typing, TypingState, encode_event, event_of
from confab.domain.models import Message
from confab.realtime import watchdog
from confab.realtime.packets import event as event_packet
from confab.realtime.wire import text_frame
from infra.cost import comparison, fleet, sizes
from infra.cost.alternatives import ALTERNATIVES
from infra.cost.bill import Basis, UnitCosts
from infra.cost.fanout import expected
from infra.cost.fleet import Wall, fleet_of, loaded, sockets_of_an_instance
from infra.cost.measured import Measured
from infra.cost.prices import ALTERNATIVE, list_prices
from infra.cost.scenario import MAX_SOCKETS, Scenario
from infra.cost.usage import store_vcpus

FIGURES = Measured.model_validate(
    {
        "machine": "none",
        "date": "2026-01-01",
        "delivery_cpu_us": {2: 60, 10: 12, 100: 6.5, 500: 7},
        "send_cpu_us": {"container": 225, "store": 350},
        "bus_event_cpu_us": 25,
        "connect_cpu_ms": 0.7,
        "kib_per_connection": 28,
        "warm_request_cpu_ms": {"list_conversations": 4, "add_message": 6},
        "cold_start_s": 0.9,
    }
)
BASIS = Basis(list_prices(), FIGURES)
BUSY = Scenario(messages_per_hour=60)


def test_a_slower_processor_makes_everything_take_longer():
    slow = BUSY.but(cpu_factor=2.0)
    assert expected(slow, FIGURES, 10).cpu_us == pytest.approx(2 * expected(BUSY, FIGURES, 10).cpu_us)
    assert loaded(slow, FIGURES, 10).load == pytest.approx(2 * loaded(BUSY, FIGURES, 10).load)


@pytest.mark.parametrize(
    "scenario", [Scenario(), BUSY.but(cell_instances=3), Scenario(hours=100.0, min_instances=2)]
)
def test_the_parts_are_the_whole(scenario):
    units = UnitCosts.of(scenario, BASIS)
    hours = scenario.sockets * scenario.hours
    parts = (
        units.idle_month
        + hours / 1000 * units.per_thousand_connection_hours
        + hours * scenario.messages_per_hour / 1000 * units.per_thousand_messages
    )
    assert units.total == pytest.approx(parts)


def test_silence_has_no_cost_of_messages_and_no_hours_none_of_connections():
    assert UnitCosts.of(Scenario(messages_per_hour=0.0), BASIS).per_thousand_messages == 0
    nobody = UnitCosts.of(Scenario(hours=0.0), BASIS)
    assert (nobody.per_thousand_messages, nobody.per_thousand_connection_hours) == (0, 0)


def test_an_instance_has_no_more_sockets_than_it_takes():
    for sockets in (1, 1_000, 1_001, 123_456):
        assert fleet_of(Scenario(sockets=sockets), FIGURES).instances == -(-sockets // MAX_SOCKETS)


def test_instances_are_added_until_none_is_too_busy():
    loud = Scenario(sockets=2_000, messages_per_hour=18_000.0, cell_instances=1)
    found = fleet_of(loud, FIGURES)
    assert found.instances > 2
    assert found.load <= loud.utilisation < loaded(loud, FIGURES, found.instances - 1).load


def test_instances_that_are_named_are_taken_however_busy():
    found = fleet_of(Scenario(sockets=2_000, messages_per_hour=36_000.0, instances=2), FIGURES)
    assert found.instances == 2
    assert found.load > 1


def test_one_cell_meets_a_wall_where_cells_do_not():
    crowd = Scenario(sockets=1_000_000, messages_per_hour=120.0)
    with pytest.raises(Wall):
        fleet_of(crowd, FIGURES)
    assert fleet_of(crowd.but(cell_instances=10), FIGURES).instances == 1_000


def test_in_cells_a_message_costs_the_same_however_many_there_are():
    few, many = (
        fleet_of(BUSY.but(sockets=sockets, cell_instances=10), FIGURES) for sockets in (10_000, 1_000_000)
    )
    assert few.fanout == many.fanout
    assert few.load == pytest.approx(many.load)


@pytest.mark.parametrize("scenario", [Scenario(messages_per_hour=0.0), BUSY])
def test_every_instance_probes_whatever_is_said(scenario):
    fleet = fleet_of(scenario, FIGURES)
    assert fleet.probes_per_second == pytest.approx(fleet.instances / watchdog.PROBE_S)


def test_the_store_grows_with_what_is_written():
    assert store_vcpus(Scenario(messages_per_hour=0.0), FIGURES) == 2
    assert store_vcpus(BUSY.but(sockets=1_000_000), FIGURES) == 16
    assert store_vcpus(BUSY.but(sockets=10_000_000), FIGURES) == 128


def test_an_instance_has_memory_for_its_sockets():
    heavy, absurd = (FIGURES.model_copy(update={"kib_per_connection": kib}) for kib in (1_024, 1e7))
    assert sockets_of_an_instance(Scenario(), FIGURES) == MAX_SOCKETS
    assert sockets_of_an_instance(Scenario(), heavy) == int(0.6 * 1_024) - 100
    assert sockets_of_an_instance(Scenario(), absurd) == 1
    assert fleet_of(Scenario(sockets=1_000), heavy).instances == 2


@pytest.mark.parametrize("alternative", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_alternatives_cost_more_in_larger_rooms(alternative):
    small, large = (alternative(BUSY.but(room_size=size), list_prices()) for size in (2, 100))
    assert 0 < small.per_thousand_messages < large.per_thousand_messages
    assert small.per_thousand_connection_hours == large.per_thousand_connection_hours > 0


def test_against_what_is_free_it_is_never_the_cheaper_one():
    prices = BASIS.prices
    free = tuple(
        price.model_copy(update={"tiers": ((0, 0),)}) if price.part == ALTERNATIVE else price
        for price in prices.price
    )
    table = comparison.break_even(Basis(prices.model_copy(update={"price": free}), FIGURES))
    assert "Realtime Database | never | never | never |" in table


CONVERSATION = uuid.UUID(int=7).hex
MESSAGE = Message(
    id=f"{CONVERSATION}-123",
    conversation_id=CONVERSATION,
    seq=123,
    role="user",
    author="u" * 28,
    content="",
    client_message_id=str(uuid.UUID(int=7)),
    metadata={},
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def test_the_sizes_are_those_of_the_models():
    told = json.dumps(MESSAGE.wire(), separators=(",", ":"))
    event = event_of(MESSAGE, origin=CONVERSATION)
    attributes = {"type": event.type, "conversationId": event.conversation_id}
    assert len(told) == sizes.MESSAGE_BYTES
    assert len(encode_event(event)) == sizes.EVENT_BYTES
    assert sum(len(name) + len(value) for name, value in attributes.items()) == sizes.ATTRIBUTE_BYTES


def test_the_frame_is_the_one_that_is_written():
    frame = text_frame(event_packet("message", MESSAGE.wire()).encode(b64=False).encode())
    assert len(frame) == sizes.frame_bytes(0)


def test_a_probe_is_billed_as_the_least():
    state = TypingState(conversation_id=f"probe-{CONVERSATION}", user_id=CONVERSATION, typing=False)
    probe = Typing(
        conversation_id=state.conversation_id, data=state, origin=CONVERSATION, at=MESSAGE.created_at
    )
    around = sizes.ATTRIBUTE_BYTES + sizes.BUS_FIELD_BYTES
    assert len(encode_event(probe)) + around < sizes.MIN_BILLED_BYTES
    assert fleet.PROBE_S == watchdog.PROBE_S
