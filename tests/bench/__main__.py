"""`python -m tests.bench`: measure delivery, print the tables, write `docs/benchmarks/delivery.*`."""

import asyncio
import shutil
import subprocess
import sys

from tests.bench import report, runner
from tests.bench.scenarios import measurements
from tests.bench.servers import NODE


def main() -> int:
    """Run what was asked for; returns the exit code."""
    parser = runner.options("python -m tests.bench", __doc__, repetitions=3, write=False)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load that count, each time (4)")
    parser.add_argument("--sockets", type=int, default=1000, help="idle connections (1000)")
    parser.add_argument(
        "--only", metavar="WORDS", default="", help="only where scenario and server contain this"
    )
    asked = parser.parse_args()
    node = _node()
    wanted = [
        one
        for one in measurements(seconds=asked.seconds, sockets=asked.sockets)
        if asked.only in f"{one.scenario} {one.subject}"
    ]
    runs = asyncio.run(runner.repeat(wanted, asked.repetitions))
    document, page = report.result(runs, node=node, repetitions=asked.repetitions, seconds=asked.seconds)
    runner.publish("delivery", document, page, write=asked.write)
    return 0


def _node() -> str:
    """The version of Node, with what its servers need installed."""
    if shutil.which("node") is None:
        sys.exit("tests.bench: Node 20 is needed for the servers that Confab is compared with")
    if not (NODE / "node_modules" / ".package-lock.json").exists():
        runner.say("installing the servers for Node")
        command = ["npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]
        subprocess.run(command, cwd=NODE, check=True, timeout=300)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=10)
    return version.stdout.strip().removeprefix("v")


if __name__ == "__main__":
    sys.exit(main())
