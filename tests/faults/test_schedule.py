"""A seed replays a schedule."""

import pytest

from tests.faults.storm.schedule import CALM_AFTER_S, ESSENTIAL, FURTHER, RETURN_S, faults, weather


def test_a_seed_replays_its_schedule():
    assert faults(7, 60) == faults(7, 60)
    assert weather(7, 60) == weather(7, 60)


def test_another_seed_has_another_schedule():
    assert faults(7, 60) != faults(8, 60)
    assert weather(7, 60) != weather(8, 60)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_fault_comes_within_a_minute(seed: int):
    assert {(fault.kind, fault.target) for fault in faults(seed, 60)} == {*ESSENTIAL, *FURTHER}


@pytest.mark.parametrize("seed", range(20))
def test_a_target_is_not_struck_again_before_it_has_come_back(seed: int):
    back: dict[str, float] = {}
    for fault in faults(seed, 60):
        assert fault.at >= back.get(fault.target, 0)
        back[fault.target] = fault.at + fault.lasts + RETURN_S


@pytest.mark.parametrize("seed", range(20))
def test_everything_is_back_before_the_end(seed: int):
    assert all(fault.at + fault.lasts <= 60 - CALM_AFTER_S for fault in faults(seed, 60))


@pytest.mark.parametrize("seconds", [0.5, 10, 60])
def test_the_weather_holds_for_the_whole_of_the_load(seconds: float):
    assert sum(lasts for lasts, _ in weather(7, seconds)) == pytest.approx(seconds)
