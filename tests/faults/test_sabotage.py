"""The account of a storm is wrong when something is switched off: the checker can fail."""

import pytest

from tests.faults.storm.bus import CALM, Weather
from tests.faults.storm.check import violations
from tests.faults.storm.schedule import Plan
from tests.faults.storm.storm import storm

LAUNCHER = "tests.faults.sabotaged"
INSTANCES = ("realtime-1", "realtime-2")
LOADS_S = (4.0, 8.0, 16.0)
"""A busy machine does less in a storm: one that shows too little is followed by a longer one."""
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
    launchers = {name: (LAUNCHER, sabotage) for name, sabotage in broken.items()}
    found: set[str] = set()
    for load_s in LOADS_S:
        if not kinds <= found:
            folder = tmp_path / f"{load_s:g} s"
            folder.mkdir()
            plan = Plan(seed=7, seconds=load_s, faults=(), weather=[(load_s, weather)], catch_up_s=2.5)
            found |= {violation.kind for violation in violations(await storm(plan, folder, print, launchers))}
    assert kinds <= found
