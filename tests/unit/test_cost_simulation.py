"""What is played agrees with the formula, adds up, and runs into the wall of one cell."""

import pytest

from infra.cost.fanout import expected
from infra.cost.measured import Measured, SendCpu
from infra.cost.scenario import MAX_SOCKETS, Scenario
from infra.cost.simulation import _seated, simulate

FIGURES = Measured(
    machine="none",
    date="2026-01-01",
    delivery_cpu_us={2: 60, 10: 12, 100: 6.5, 500: 7},
    send_cpu_us=SendCpu(container=225, store=350),
    bus_event_cpu_us=25,
    connect_cpu_ms=0.7,
    kib_per_connection=28,
    warm_request_cpu_ms={"list_conversations": 4, "add_message": 6},
    cold_start_s=0.9,
)
BUSY = Scenario(messages_per_hour=60)
CROWD = BUSY.but(sockets=200_000, messages_per_hour=600.0)
"""So loud that one cell's events alone are more than an instance takes."""


@pytest.mark.parametrize("instances", [1, 2, 10, 100])
@pytest.mark.parametrize("room_size", [1, 2, 10, 100, 500])
def test_what_is_played_in_one_cell_agrees_with_the_formula(instances, room_size):
    scenario = BUSY.but(sockets=MAX_SOCKETS * instances, room_size=room_size)
    played = simulate(scenario, seconds=max(10.0, 1_000 / instances))
    assert played.instances == instances
    formula = expected(scenario, FIGURES, instances)
    assert played.message_us(scenario, FIGURES) == pytest.approx(formula.cpu_us, rel=0.03)
    needless_us = sum(played.needless) / played.messages * FIGURES.bus_event_cpu_us
    assert needless_us == pytest.approx(formula.needless_us, abs=0.03 * formula.bus_us)


def test_what_is_played_in_cells_agrees_with_the_formula_of_a_cell():
    scenario = BUSY.but(sockets=100_000)
    played = simulate(scenario, cell=10)
    formula = expected(scenario, FIGURES, 10)
    assert played.message_us(scenario, FIGURES) == pytest.approx(formula.cpu_us, rel=0.06)


@pytest.mark.parametrize("cell", [None, 3])
def test_no_event_is_lost_or_made_up(cell):
    scenario = BUSY.but(sockets=20_000)
    played = simulate(scenario, cell=cell)
    assert played.messages == round(scenario.messages_per_second * played.seconds)
    assert sum(played.sent) == played.messages - round(scenario.rest_share * played.messages)
    deliveries = sum(sockets * sum(events) for sockets, events in played.served.items())
    assert deliveries == played.messages * scenario.room_size
    if cell is None:
        assert set(played.heard) == {played.messages}
    assert all(needless >= 0 for needless in played.needless)


@pytest.mark.parametrize("cell", [None, 3])
def test_sockets_sit_in_the_cell_of_their_room_and_no_instance_has_too_many(cell):
    seating = _seated(20_000, 10, cell, MAX_SOCKETS, 1)
    assert len(seating.seats) == 20_000
    assert max(seating.seats.count(instance) for instance in range(seating.instances)) <= MAX_SOCKETS
    for room, number in enumerate(seating.cell_of):
        assert all(instance in seating.cells[number] for instance in seating.members(room))
    assert len(seating.cells) == (1 if cell is None else 7)


def test_the_wall_of_one_cell_comes_of_itself_and_more_instances_do_not_move_it():
    few, many = (simulate(CROWD, capacity=capacity) for capacity in (1_000, 250))
    assert many.instances == 4 * few.instances
    for played in (few, many):
        busy = played.busy(CROWD, FIGURES)
        assert busy.mean > CROWD.utilisation
        assert played.needlessly_busy(CROWD, FIGURES).mean > 0.9 * CROWD.utilisation


def test_in_cells_more_instances_help():
    few, many = (
        simulate(CROWD, cell=10, capacity=capacity).busy(CROWD, FIGURES) for capacity in (1_000, 250)
    )
    assert few.most < CROWD.utilisation
    assert many.mean < few.mean / 2


def test_the_busiest_instance_is_busier_than_most():
    busy = simulate(BUSY.but(sockets=200_000), cell=10).busy(BUSY, FIGURES)
    assert busy.mean < busy.p99 < busy.most


def test_a_simulation_can_be_repeated():
    simulate.cache_clear()
    once = simulate(BUSY)
    simulate.cache_clear()
    assert simulate(BUSY) == once
    assert simulate(BUSY, seed=7) != once


def test_a_slower_processor_is_busier():
    played, slow = simulate(BUSY), BUSY.but(cpu_factor=2.0)
    assert played.message_us(slow, FIGURES) == pytest.approx(2 * played.message_us(BUSY, FIGURES))
    assert played.busy(slow, FIGURES).most == pytest.approx(2 * played.busy(BUSY, FIGURES).most)
