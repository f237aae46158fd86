"""The account of a storm is wrong when the rooms are: the checker can fail."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from confab.realtime import rooms
from confab.realtime.room import Gap, Room
from confab.realtime.rooms import Envelope
from tests.faults.small_storm import small_storm
from tests.faults.storm.bus import Weather
from tests.faults.storm.check import Violation, violations

LOSING = Weather(drop=0.5)
REPEATING = Weather(repeat=0.5, longest_delay=0.3)


class WithoutFilling(Room[Envelope]):
    """Never says what is missing."""

    @property
    def gap(self) -> Gap | None:
        return None


class WithoutDeduplication(Room[Envelope]):
    """Takes a number that it has sent for a new one."""

    def advance_head(self, seq: int) -> bool:
        if self._delivered is not None:
            self._delivered = min(self._delivered, seq - 1)
        return super().advance_head(seq)


def kinds(found: Sequence[Violation]) -> set[str]:
    return {violation.kind for violation in found}


async def test_without_the_filling_of_gaps_entries_are_found_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rooms, "Room", WithoutFilling)
    recording = await small_storm(tmp_path, LOSING)
    assert kinds(violations(recording)) == {"lost"}


async def test_without_deduplication_entries_are_found_to_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rooms, "Room", WithoutDeduplication)
    recording = await small_storm(tmp_path, REPEATING)
    assert kinds(violations(recording)) == {"repeated"}
