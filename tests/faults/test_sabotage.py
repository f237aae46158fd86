"""The account of a storm is wrong when something is switched off: the checker can fail."""

import re

import pytest

from tests.faults.storm.bus import CALM, Weather
from tests.faults.storm.check import violations
from tests.faults.storm.schedule import Plan
from tests.faults.storm.storm import storm

LAUNCHER = "tests.faults.sabotaged"
LOADS_S = (4.0, 8.0, 16.0)
"""A busy machine does less in a storm: one that shows too little is followed by a longer one."""
BAD = Weather(drop=0.3, repeat=0.4, longest_delay=0.3)
SABOTAGES = {
    "filling and deduplication": (
        {"realtime-1": "without-filling", "realtime-2": "without-deduplication"},
        BAD,
        ("lost: ", "repeated: "),
    ),
    "fence, eviction and overwriting": (
        {
            "realtime-1": "without-eviction",
            **dict.fromkeys(("realtime-2", "add_message"), "without-fence"),
            "message": "without-overwriting",
        },
        CALM,
        (r"after the fence: \S+ \d+ of ", "after the fence: .* after its removal", "deleted: ", "untrue: "),
    ),
}
"""What shows in violations of its own shares a storm."""


@pytest.mark.parametrize(("broken", "weather", "shows"), SABOTAGES.values(), ids=SABOTAGES)
async def test_the_account_shows_what_is_switched_off(tmp_path, broken, weather, shows):
    launchers = {name: (LAUNCHER, sabotage) for name, sabotage in broken.items()}
    found: list[str] = []
    hidden = [*shows]
    for load_s in LOADS_S:
        if hidden:
            folder = tmp_path / f"{load_s:g} s"
            folder.mkdir()
            plan = Plan(seed=7, seconds=load_s, faults=(), weather=[(load_s, weather)], catch_up_s=2.5)
            recording = await storm(plan, folder, print, launchers)
            found += [f"{each.kind}: {each.text}" for each in violations(recording)]
            hidden = [each for each in shows if not any(re.match(each, one) for one in found)]
    assert hidden == []
