"""Runs a module with something broken: `python -m tests.faults.sabotaged SABOTAGE MODULE …`."""

import runpy
import sys
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

from confab.realtime import served
from confab.realtime.room import Gap, Item, Room
from confab.realtime.sessions import Session
from confab.store import rows, statements


class WithoutFilling(Room[Item]):
    """Never says what is missing."""

    @property
    def gap(self) -> Gap | None:
        return None


class WithoutDeduplication(Room[Item]):
    """Takes a number that it has sent for a new one."""

    def advance_head(self, seq: int) -> bool:
        if self._delivered is not None:
            self._delivered = min(self._delivered, seq - 1)
        return super().advance_head(seq)


def without_fence() -> Any:
    """Appends without asking whether the authors may write."""
    text = statements.APPEND
    for check in ("$logs[log].owners ALLINSIDE [owner]", WRITERS):
        assert f"!({check})" in text
        text = text.replace(f"!({check})", "false")
    return patch.object(statements, "APPEND", text)


WRITERS = "$logs[log].writers ALLINSIDE array::push(members[WHERE access = 'write'].user_id, owner)"
SABOTAGES: Mapping[str, Callable[[], Any]] = {
    "without-filling": lambda: patch.object(served, "Room", WithoutFilling),
    "without-deduplication": lambda: patch.object(served, "Room", WithoutDeduplication),
    "without-fence": without_fence,
    "without-eviction": lambda: patch.object(Session, "dismiss", lambda *_: None),
    "without-overwriting": lambda: patch.object(rows, "changed_message", lambda _: {}),
}


def main() -> None:
    """Break something, then become the module."""
    sabotage, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    with SABOTAGES[sabotage]():
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
