"""A seed replays a schedule."""

import pytest

from tests.faults.storm.schedule import CALM_AFTER_S, ESSENTIAL, FURTHER, RETURN_S, faults, weather


@pytest.mark.parametrize("plan", [faults, weather])
def test_a_seed_replays_its_own_schedule(plan):
    assert plan(7, 60) == plan(7, 60) != plan(8, 60)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_fault_strikes_within_a_minute_and_no_target_before_its_return(seed):
    planned, back = faults(seed, 60), dict[str, float]()
    assert {(fault.kind, fault.target) for fault in planned} == {*ESSENTIAL, *FURTHER}
    for fault in planned:
        assert fault.at >= back.get(fault.target, 0)
        assert fault.at + fault.lasts <= 60 - CALM_AFTER_S
        back[fault.target] = fault.at + fault.lasts + RETURN_S


@pytest.mark.parametrize("seconds", [0.5, 10, 60])
def test_the_weather_lasts_as_long_as_the_load(seconds):
    assert sum(lasts for lasts, _ in weather(7, seconds)) == pytest.approx(seconds)
