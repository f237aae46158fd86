"""A short storm over the real processes."""

from tests.faults.storm.check import violations
from tests.faults.storm.report import table
from tests.faults.storm.schedule import Plan
from tests.faults.storm.storm import storm


async def test_a_storm_loses_repeats_and_reorders_no_acknowledged_entry(tmp_path):
    recording = await storm(Plan.drawn(seed=7, seconds=13), tmp_path, print)
    found = violations(recording)
    assert not found, "\n".join(table(recording, found))
    assert recording.faults
    assert recording.closings
    assert {"drop", "repeat", "delay", "reorder"} <= recording.bus.keys()
