"""The account of a storm is wrong when something is switched off: the checker can fail."""

import pytest

from tests.faults.storm.bus import CALM, Weather
from tests.faults.storm.check import violations
from tests.faults.storm.schedule import Plan
from tests.faults.storm.storm import storm

LAUNCHER = "tests.faults.sabotaged"
INSTANCES = ("realtime-1", "realtime-2")
LOAD_S = 4.0
BAD = Weather(drop=0.3, repeat=0.4, longest_delay=0.3)
SABOTAGES = {
    "filling and deduplication": (
        {"realtime-1": "without-filling", "realtime-2": "without-deduplication"},
        BAD,
        {"lost", "repeated"},
    ),
    "fence and overwriting": (
        dict.fromkeys((*INSTANCES, "add_message"), "without-fence") | {"message": "without-overwriting"},
        CALM,
        {"after the fence", "deleted", "untrue"},
    ),
    "eviction": (dict.fromkeys(INSTANCES, "without-eviction"), CALM, {"after the fence"}),
}
"""What shows in kinds of its own shares a storm."""


@pytest.mark.parametrize(("broken", "weather", "kinds"), SABOTAGES.values(), ids=SABOTAGES)
async def test_the_account_shows_what_is_switched_off(tmp_path, broken, weather, kinds):
    plan = Plan(seed=7, seconds=LOAD_S, faults=(), weather=[(LOAD_S, weather)], catch_up_s=2.5)
    launchers = {name: (LAUNCHER, sabotage) for name, sabotage in broken.items()}
    found = violations(await storm(plan, tmp_path, print, launchers))
    assert kinds <= {violation.kind for violation in found}
