"""The account of a storm is wrong when the rooms are: the checker can fail."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from confab.ports import Commit
from confab.realtime import delivery
from confab.realtime.room import UNKNOWN, Gap, Room
from tests.faults.small_storm import small_storm
from tests.faults.storm.bus import Weather
from tests.faults.storm.check import Violation, violations

LOSING = Weather(drop=0.5)
REPEATING = Weather(repeat=0.5, longest_delay=0.3)


class WithoutFilling(Room):
    """Never says what is missing."""

    @property
    def missing(self) -> Gap | None:
        return None


class WithoutDeduplication(Room):
    """Takes a number that it has sent for a new one."""

    def hear_head(self, seq: int, commit: Commit = UNKNOWN) -> bool:
        if self._delivered is not None:
            self._delivered = min(self._delivered, seq - 1)
        return super().hear_head(seq, commit)


def kinds(found: Sequence[Violation]) -> set[str]:
    return {violation.kind for violation in found}


async def test_without_the_filling_of_holes_entries_are_found_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "Room", WithoutFilling)
    recording = await small_storm(tmp_path, LOSING)
    assert kinds(violations(recording)) == {"lost"}


async def test_without_deduplication_entries_are_found_to_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(delivery, "Room", WithoutDeduplication)
    recording = await small_storm(tmp_path, REPEATING)
    assert kinds(violations(recording)) == {"repeated"}
