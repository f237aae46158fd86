"""Runs measurements in turns, sums up their repetitions, and writes what `docs/benchmarks` shows."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.support.command import show

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"

Figures = dict[str, float]
"""What one measurement found, by name; units are in the names."""
Runs = dict[tuple[str, str], list[Figures]]
"""The figures of each repetition, by scenario and subject."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One scenario on one subject: a server or a function."""

    scenario: str
    subject: str
    work: Callable[[], Awaitable[Figures]]


def options(prog: str, description: str | None, *, repetitions: int, write: bool) -> argparse.ArgumentParser:
    """The options of every benchmark."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument(
        "--repetitions", type=int, default=repetitions, help="of each measurement, interleaved (%(default)s)"
    )
    parser.add_argument(
        "--write", action=argparse.BooleanOptionalAction, default=write, help="write docs/benchmarks/"
    )
    return parser


async def repeat(wanted: Sequence[Measurement], repetitions: int) -> Runs:
    """Run everything once, then everything again, so that a busy moment of the machine affects all alike."""
    runs: Runs = {}
    for repetition in range(1, repetitions + 1):
        for one in wanted:
            begun = time.monotonic()
            runs.setdefault((one.scenario, one.subject), []).append(await one.work())
            took, load = time.monotonic() - begun, os.getloadavg()[0]
            say(f"{repetition}/{repetitions} {one.scenario}, {one.subject}: {took:.0f} s (load {load:.1f})")
    return runs


def spread(values: Sequence[float]) -> dict[str, float]:
    """A figure over the repetitions."""
    return {"median": median(values), "low": min(values), "high": max(values)}


def machine() -> dict[str, str]:
    """What this was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": next(models, platform.machine()),
        "cores": str(os.cpu_count()),
        "Linux": platform.release(),
        "Python": platform.python_version(),
    }


def publish(name: str, document: Mapping[str, Any], page: str, *, write: bool) -> None:
    """Print the page and, if asked to, write it and its document."""
    show(page)
    if write:
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n")
        (FOLDER / f"{name}.md").write_text(page)
        say(f"written to {FOLDER}")


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - beside the answer
