"""The local stack: `python -m infra.local` runs it, `python -m infra.local --reset` empties its data.

This program and what it imports are the standard library's alone: `make dev` asks it before it installs
anything whether the stack could start.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from infra.local.addresses import StackError
from infra.local.data import DataFolder
from infra.local.listeners import demand_free
from infra.local.plan import make_plan
from infra.local.services import ROOT, services
from infra.local.supervisor import Supervisor, say


def main(arguments: Sequence[str]) -> int:
    """Run until interrupted; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="Confab on this machine.")
    parser.add_argument("--data", type=Path, default=ROOT / ".confab", help="data folder [.confab]")
    parser.add_argument("--move", action="store_true", help="use free ports, not the usual ones")
    parser.add_argument("--reset", action="store_true", help="empty the data folder and exit")
    parser.add_argument("--check", action="store_true", help="say what keeps it from starting, and exit")
    options = parser.parse_args(arguments)
    data = DataFolder(options.data)
    try:
        with data.held():
            if options.reset:
                data.empty()
                return 0
            return asyncio.run(run(data, move=options.move, check=options.check))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before anything was started
        return 130


async def run(data: DataFolder, *, move: bool, check: bool) -> int:
    """Start the stack that the environment asks for and keep it, or only `check` that; the exit code."""
    plan = await make_plan(os.environ, moved=move)
    demand_free(plan.wanted)
    if check:
        return 0
    for name, address in plan.running.items():
        say(f"{name:<12} {address:<28} runs already")
    with ExitStack() as description:

        def when_ready() -> None:
            description.enter_context(data.described(plan.description()))
            say(f"ready {plan.web}")

        return await Supervisor(services(plan, data), data.logs, say).run(when_ready)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
