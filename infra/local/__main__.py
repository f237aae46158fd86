"""The local stack: `python -m infra.local` runs it, `python -m infra.local --reset` empties its data."""

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
    options = parser.parse_args(arguments)
    data = DataFolder(options.data)
    try:
        with data.held():
            if options.reset:
                data.empty()
                return 0
            return asyncio.run(run(data, move=options.move))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before anything was started
        return 130


async def run(data: DataFolder, *, move: bool) -> int:
    """Start the stack that the environment asks for and keep it; the exit code."""
    plan = await make_plan(os.environ, moved=move)
    for name, address in plan.running.items():
        say(f"{name:<12} {address:<28} runs already")
    planned = services(plan, data)
    demand_free({name: address for service in planned for name, address in service.listens.items()})
    with ExitStack() as description:

        def when_ready() -> None:
            description.enter_context(data.described(plan.description()))
            say(f"ready {plan.web}")

        return await Supervisor(planned, data.logs, say).run(when_ready)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
