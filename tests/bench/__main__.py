"""`python -m tests.bench`: measure delivery beside Node, print tables, write `docs/benchmarks/delivery.*`.

What is measured and how to read it is in docs/benchmarks/README.md.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench import report, runner
from tests.bench.scenarios import Sizes, measurements
from tests.bench.servers import FUNCTIONS, NODE


def main() -> int:
    """Run what was asked for; returns the exit code."""
    asked = _parser().parse_args()
    if asked.quick:
        asked.repetitions, asked.seconds = 1, 1.0
    node = _node()
    sizes = Sizes(asked.seconds, asked.sockets, asked.away_ms)
    compared = bool(asked.quick or asked.against)
    everything = measurements(sizes, functions=asked.functions, against=asked.against, whole=not compared)
    wanted = [one for one in everything if asked.only in f"{one.scenario}, {one.subject}"]
    runs = asyncio.run(runner.repeat(wanted, asked.repetitions))
    other = f"Confab of {asked.against}" if asked.against else "Node Socket.IO"
    document, page = report.result(runs, sizes, asked.repetitions, other=other, node=node)
    runner.publish("delivery", document, page, write=asked.write and not compared and not asked.only)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = runner.options("python -m tests.bench", __doc__, repetitions=3, write=False)
    add = parser.add_argument
    add("--quick", action="store_true", help="one repetition of a second: 3 minutes instead of 15")
    add("--seconds", type=float, default=2.5, help="of load that count, each time (%(default)s)")
    add("--sockets", type=int, default=1000, help="idle connections (%(default)s)")
    add("--away-ms", type=float, default=5.0, help="to store and bus, each way (%(default)s)")
    add("--only", metavar="WORDS", default="", help='only where "SCENARIO, SERVER" contains this')
    add("--functions", type=Path, default=FUNCTIONS, help="the functions/ whose Confab is measured")
    add("--against", type=Path, help="the functions/ whose Confab it is compared with, instead of Node")
    return parser


def _node() -> str:
    """The version of Node, with what its servers need installed."""
    if shutil.which("node") is None:
        sys.exit("tests.bench: Node 20 is needed for the servers that Confab is compared with")
    installed, wanted = NODE / "node_modules/.package-lock.json", NODE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        runner.say("installing the servers for Node")
        command = ["npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]
        subprocess.run(command, cwd=NODE, check=True, timeout=300)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=10)
    return version.stdout.strip().removeprefix("v")


if __name__ == "__main__":
    sys.exit(main())
