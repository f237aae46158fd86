"""`python -m tests.bench`: measure, print the table, write `docs/benchmarks/`."""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import growth, plan, report
from tests.bench.scenarios import Figures

NODE = Path(__file__).parent / "node"
FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"


def main() -> int:
    """Run what was asked for; returns the exit code."""
    asked = _arguments()
    _install()
    wanted = [
        one
        for one in plan.measurements(seconds=asked.seconds, sockets=asked.sockets)
        if asked.only is None or asked.only in f"{one.scenario} {one.server}"
    ]
    runs = _repeat(wanted, asked.repetitions)
    reads = None
    if asked.only is None or asked.only in "growth":
        _say("filling a store with logs and lists of up to 100,000")
        reads = asyncio.run(_grow())
    result = report.Result(
        measured_at=datetime.now(UTC),
        machine=report.machine(),
        repetitions=asked.repetitions,
        seconds=asked.seconds,
        runs={key: plan.summary(figures) for key, figures in runs.items()},
        reads=reads,
    )
    print(result.text())  # noqa: T201 - the command's answer
    if asked.write:
        result.write(FOLDER)
        _say(f"written to {FOLDER}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3, help="of each measurement, interleaved (3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of load that count, each time (4)")
    parser.add_argument("--sockets", type=int, default=1000, help="idle connections (1000)")
    parser.add_argument("--only", metavar="WORDS", help="only where scenario and server contain this")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/")
    return parser.parse_args()


def _install() -> None:
    """Fetch what the servers for Node need, the first time."""
    if shutil.which("node") is None:
        sys.exit("tests.bench: Node 20 is needed for the servers that Confab is compared with")
    if not (NODE / "node_modules" / ".package-lock.json").exists():
        _say("installing the servers for Node")
        command = ["npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]
        subprocess.run(command, cwd=NODE, check=True, timeout=300)


def _repeat(wanted: list[plan.Measurement], repetitions: int) -> dict[tuple[str, str], list[Figures]]:
    """Everything once, then everything again: what disturbs the machine for a while disturbs all alike."""
    runs: dict[tuple[str, str], list[Figures]] = {}
    for repetition in range(1, repetitions + 1):
        for one in wanted:
            begun = time.monotonic()
            figures = asyncio.run(plan.measure(one))
            runs.setdefault((one.scenario, one.server), []).append(figures)
            took = time.monotonic() - begun
            busy = os.getloadavg()[0]
            _say(f"{repetition}/{repetitions} {one.scenario}, {one.server}: {took:.0f} s (load {busy:.1f})")
    return runs


async def _grow() -> growth.Reads:
    async with growth.stored() as (server, store):
        return await growth.reads(server, store)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    sys.exit(main())
