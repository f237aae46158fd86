"""`python -m tests.faults.storm`: a storm over the real processes, and the account of every entry."""

import argparse
import random
import sys
from pathlib import Path

from tests.faults.storm.check import violations
from tests.faults.storm.options import Options
from tests.faults.storm.report import table
from tests.faults.storm.storm import storm
from tests.support.command import Say, carry_out, show


def main() -> int:
    """Run a storm; 0 if every promise was kept, 1 if one was broken, 130 if it was interrupted."""
    options = _options()

    async def blow(folder: Path, say: Say) -> tuple[bool, bool]:
        recording = await storm(options, folder, say)
        found = violations(recording)
        show(*table(options, recording, found))
        return not found, bool(found or recording.errors)

    return carry_out("storm", f"seed {options.seed}", blow)


def _options() -> Options:
    usual = Options(seed=0)
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.storm",
        description="Let many stock clients write over two realtime instances and the functions while these, "
        "the store and the bus are killed and stalled and the bus loses, repeats, delays and reorders. "
        "Then check that the store and every client have exactly the acknowledged entries.",
    )
    parser.add_argument("--seed", type=int, help="replays a schedule; a new one by default")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="the length of the load")
    length.add_argument("--seconds", type=float, help=f"the same; {usual.seconds:.0f} by default")
    parser.add_argument("--clients", type=int, default=usual.clients, help="sockets (%(default)s)")
    parser.add_argument("--writers", type=int, default=usual.writers, help="sends at a time (%(default)s)")
    parser.add_argument(
        "--rate", type=float, default=usual.sends_per_second, help="sends a second (%(default)s)"
    )
    parser.add_argument("--no-faults", action="store_true", help="break nothing but the bus's messages")
    given = parser.parse_args()
    return Options(
        seed=random.SystemRandom().randrange(10**6) if given.seed is None else given.seed,
        seconds=given.minutes * 60 if given.minutes else given.seconds or usual.seconds,
        clients=given.clients,
        writers=given.writers,
        sends_per_second=given.rate,
        faults=not given.no_faults,
    )


if __name__ == "__main__":
    sys.exit(main())
