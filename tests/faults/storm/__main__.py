"""`python -m tests.faults.storm`: a storm over the real processes, and the account of every entry."""

import argparse
import random
import sys
from pathlib import Path

from tests.faults.storm.check import violations
from tests.faults.storm.report import table
from tests.faults.storm.schedule import Plan
from tests.faults.storm.storm import storm
from tests.support.command import Say, carry_out, show


def main() -> int:
    """Run a storm; 0 if every promise was kept, 1 if one was broken, 130 if it was interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.storm",
        description="Let many stock clients write over two realtime instances and the functions while these, "
        "the store and the bus are killed and stalled and the bus loses, repeats, delays and reorders. "
        "Then check that the store and every client have exactly the acknowledged entries.",
    )
    parser.add_argument("--seed", type=int, help="replays a schedule; a new one by default")
    parser.add_argument("--minutes", type=float, default=1.0, help="the length of the load (%(default)s)")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed

    async def blow(folder: Path, say: Say) -> tuple[bool, bool]:
        recording = await storm(Plan.drawn(seed, given.minutes * 60), folder, say)
        found = violations(recording)
        show(*table(recording, found))
        return not found, bool(found or recording.errors)

    return carry_out("storm", f"seed {seed}", blow)


if __name__ == "__main__":
    sys.exit(main())
