"""The account of a storm is wrong when the rooms are: the checker can fail."""

from pathlib import Path

from tests.faults.storm.bus import Weather
from tests.faults.storm.check import violations
from tests.faults.storm.schedule import Plan
from tests.faults.storm.storm import storm

LAUNCHER = "tests.faults.sabotaged"
LAUNCHERS = {
    "realtime-1": (LAUNCHER, "without-filling"),
    "realtime-2": (LAUNCHER, "without-deduplication"),
}
LOAD_S = 2.0
BAD = Weather(drop=0.3, repeat=0.4, longest_delay=0.3)


async def test_without_filling_and_deduplication_entries_are_found_to_be_lost_and_repeated(tmp_path: Path):
    plan = Plan(seed=7, seconds=LOAD_S, faults=(), weather=[(LOAD_S, BAD)], catch_up_s=2.5)
    found = violations(await storm(plan, tmp_path, print, LAUNCHERS))
    assert {violation.kind for violation in found} == {"lost", "repeated"}
