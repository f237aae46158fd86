"""`python -m tests.hostile`: attack a real system, with a well-behaved pair beside it, and judge."""

import argparse
import random
import sys
from fnmatch import fnmatch
from pathlib import Path

from tests.hostile.attacks import ATTACKS
from tests.hostile.record import Limits
from tests.hostile.siege import besiege
from tests.support.command import Say, carry_out, show


def main() -> int:
    """Run the attacks; 0 if none did harm, 1 if one did, 130 if it was interrupted."""
    given = _parser().parse_args()
    chosen = [each for each in ATTACKS.values() if any(fnmatch(each.name, only) for only in given.only)]
    if not chosen:
        sys.exit(f"there is no such attack; there are {', '.join(ATTACKS)}")
    limits = Limits(p99_ms=given.p99)
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed

    async def attack(folder: Path, say: Say) -> tuple[bool, bool]:
        records = await besiege(chosen, folder, say, seed=seed, small=given.small, limits=limits)
        harmful = sum(bool(record.failures(limits)) for record in records)
        show(*(record.text(limits) for record in records), f"{harmful} of {len(records)} did harm")
        return not harmful, bool(harmful)

    return carry_out("hostile", f"seed {seed}, {len(chosen)} attacks", attack)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile",
        description="Attack two instances and three functions on loopback as strangers, users and forgers "
        "on the bus would, while a well-behaved pair talks. An attack did harm if the pair's "
        "p99 was too long, an entry was lost, a process died, the memory did not come back, or anything "
        "above 499 but `unavailable` was answered; some have rules of their own.",
    )
    parser.add_argument("--seed", type=int, help="of what is random; a new one by default")
    parser.add_argument(
        "--only", nargs="+", default=["*"], metavar="NAME", help="attacks, or patterns as gzip*"
    )
    parser.add_argument("--small", action="store_true", help="the counts that suit `make test`")
    p99_ms = Limits().p99_ms
    parser.add_argument("--p99", type=float, default=p99_ms, metavar="MS", help="of the pair (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
