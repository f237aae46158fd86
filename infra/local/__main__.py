"""The local stack: `python -m infra.local` runs it, `python -m infra.local --reset` empties its data.

`--check`, `--reset` and `--help` need the standard library alone, because `make dev` runs the check before
it installs anything.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.addresses import StackError
from infra.local.data import ROOT, DataFolder
from infra.local.plan import make_plan
from infra.local.ports import demand_free


def main(arguments: Sequence[str]) -> int:
    """Run until interrupted; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="Confab on this machine.")
    parser.add_argument("--data", type=Path, default=ROOT / ".confab", help="data folder [.confab]")
    parser.add_argument(
        "--move", nargs="?", type=_port, const=0, metavar="PORT", help="use free ports, or those from PORT on"
    )
    parser.add_argument("--reset", action="store_true", help="empty the data folder and exit")
    parser.add_argument("--check", action="store_true", help="print what prevents a start, and exit")
    options = parser.parse_args(arguments)
    data = DataFolder(options.data)
    try:
        with data.held():
            if options.reset:
                data.empty()
                return 0
            plan = make_plan(os.environ, moved=options.move)
            demand_free(plan.wanted)
            if options.check:
                return 0
            from infra.local.stack import run  # noqa: PLC0415 - the other options run before psutil is installed

            return asyncio.run(run(plan, data))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first service started
        return 130


def _port(value: str) -> int:
    if not value.isdecimal() or not 1024 <= int(value) <= 65000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("a port from 1024 to 65000")
    return int(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
