"""A short storm over the real processes."""

from pathlib import Path

from tests.faults.storm.check import violations
from tests.faults.storm.options import Options
from tests.faults.storm.report import table
from tests.faults.storm.storm import storm

SEED = 7


async def test_a_storm_loses_repeats_and_reorders_no_acknowledged_entry(tmp_path: Path):
    options = Options(seed=SEED, seconds=18)
    recording = await storm(options, tmp_path, print)
    found = violations(recording)
    assert not found, "\n".join(table(options, recording, found))
    assert recording.faults
    assert recording.closings
    assert {"drop", "repeat", "delay", "reorder"} <= recording.bus.keys()
