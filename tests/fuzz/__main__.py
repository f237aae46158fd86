"""`python -m tests.fuzz`: send two containers, a function and every parser anything."""

import argparse
import random
import sys
from pathlib import Path

from tests.fuzz.guided import fuzz_parsers
from tests.fuzz.rest import fuzz_rest
from tests.fuzz.run import fuzz
from tests.support.command import Say, carry_out, show

RUNS = {"sockets": fuzz, "rest": fuzz_rest, "parsers": fuzz_parsers}


def main() -> int:
    """Fuzz; 0 if nothing happened, 1 if something did, 130 if it was interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Let strangers, with and without a good token, send two realtime containers broken HTTP, "
        "WebSocket frames and packets in any order. No answer is 5xx but 503, nothing is logged as an error, "
        "a pair beside them gets every message in order, and what the containers hold comes back. Then let "
        "schemathesis send a function what its OpenAPI document makes of it: each answer is as "
        "documented. At last let atheris look for bytes that a parser does not refuse properly.",
    )
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS), help="some of the three")
    parser.add_argument("--seed", type=int, help="of what the strangers do; a new one by default")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each (%(default)s)")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed

    async def carry(folder: Path, say: Say) -> tuple[bool, bool]:
        failures: list[str] = []
        for name in given.only:
            (place := folder / name).mkdir()
            failures += await RUNS[name](seed, given.minutes * 60, place, say)
        show(*failures, f"seed {seed}: {len(failures)} failures")
        return not failures, bool(failures)

    return carry_out("fuzz", f"seed {seed}", carry)


if __name__ == "__main__":
    sys.exit(main())
