"""A Pub/Sub emulator that loses, repeats, delays and reorders: `python -m tests.faults.storm.bus FILE …`.

It is ours, but of the messages offered to each subscription each meets its own fate. FILE says what the
weather is at that moment; the further arguments are the emulator's.
"""

import asyncio
import json
import random
import runpy
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from infra.local.pubsub_emulator.subscription import Subscription

REORDER_S = 0.03
"""The longest time for which a message that is to be reordered is held back."""
FATE = "fate: "


@dataclass(frozen=True, slots=True)
class Weather:
    """What becomes of a message: the probability of each fate, and the longest delay in seconds."""

    drop: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    longest_delay: float = 1.0

    def begin(self, file: Path) -> None:
        """Make it the weather of every bus that reads this file."""
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.replace(file)

    def fate(self) -> tuple[str, float]:
        """What becomes of the next message, and after how many seconds it comes, or comes again."""
        fates = {
            "drop": (self.drop, 0.0),
            "repeat": (self.repeat, self.longest_delay),
            "delay": (self.delay, self.longest_delay),
            "reorder": (self.reorder, REORDER_S),
        }
        chance = random.random()
        for fate, (probability, longest) in fates.items():
            chance -= probability
            if chance < 0:
                return fate, random.uniform(0, longest)
        return "pass", 0.0


CALM = Weather()


def fates(log: Path) -> Counter[str]:
    """How many messages were passed, dropped, repeated, delayed and reordered, from a bus's log."""
    lines = log.read_text(errors="replace").splitlines()
    return Counter(line.removeprefix(FATE) for line in lines if line.startswith(FATE))


def main() -> None:
    """Expose the emulator to the weather, then become it."""
    file, *arguments = sys.argv[1:]
    offer = Subscription.offer

    def expose(subscription: Subscription, message: Any) -> None:
        fate, delay = Weather(**json.loads(Path(file).read_text())).fate()
        sys.stdout.write(f"{FATE}{fate}\n")
        sys.stdout.flush()  # before it is killed
        if fate in ("pass", "repeat"):
            offer(subscription, message)
        if fate in ("repeat", "delay", "reorder"):
            asyncio.get_running_loop().call_later(delay, offer, subscription, message)

    sys.argv = ["", *arguments]
    with patch.object(Subscription, "offer", expose):
        runpy.run_module("infra.local.pubsub_emulator", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
