"""A short storm over the real processes."""

from pathlib import Path

from tests.faults.storm.check import violations
from tests.faults.storm.options import Options
from tests.faults.storm.report import table
from tests.faults.storm.storm import storm

SEED = 7


async def test_what_is_acknowledged_is_stored_and_told_once_in_order_whatever_breaks(tmp_path: Path):
    options = Options(seed=SEED, seconds=18)
    recording = await storm(options, tmp_path, print)
    found = violations(recording)
    assert not found, "\n".join(table(options, recording, found))
    assert recording.faults
    assert recording.closings
    assert {"drop", "repeat", "delay", "reorder"} <= recording.bus.keys()
