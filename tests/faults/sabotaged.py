"""Runs a module with a broken room: `python -m tests.faults.sabotaged SABOTAGE MODULE …`."""

import runpy
import sys
from unittest.mock import patch

from confab.realtime import served
from confab.realtime.room import Gap, Room
from confab.realtime.served import Envelope


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


SABOTAGES = {"without-filling": WithoutFilling, "without-deduplication": WithoutDeduplication}


def main() -> None:
    """Break the room, then become the module."""
    sabotage, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    with patch.object(served, "Room", SABOTAGES[sabotage]):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
