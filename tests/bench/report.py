"""The result of a run: as a table, as ratios, as JSON, and as a page."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tests.bench.growth import Reads
from tests.bench.plan import Spread
from tests.bench.servers import TITLES
from tests.support.tables import table

Runs = Mapping[tuple[str, str], Mapping[str, Spread]]

COLUMNS = (
    ("cpu_us_per_delivery", "server CPU µs a delivery"),
    ("all_cpu_us_per_send", "all CPU µs a send"),
    ("deliveries_per_s", "deliveries/s"),
    ("sends_per_s", "sends/s"),
    ("p50_ms", "p50 ms"),
    ("p95_ms", "p95 ms"),
    ("p99_ms", "p99 ms"),
)
GENERATOR_LIMIT = 0.9
"""Share of a core from which on the load generator may have been what was measured."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Confab's figure over another server's in the same run."""

    what: str
    value: float
    target: str


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that one run found."""

    measured_at: datetime
    machine: Mapping[str, str]
    repetitions: int
    seconds: float
    runs: Runs
    reads: Reads | None

    def ratios(self) -> Iterator[Ratio]:
        """The comparisons that matter, as far as the run has what they need."""
        for scenario in ("1 → 500", "1 → 500, 16 in flight"):
            yield from self._ratio(scenario, "node", "cpu_us_per_delivery", "CPU a delivery", "≤ 0.75")
        yield from self._ratio(
            "250 rooms of 2", "node-storing", "sends_per_s", "stored sends a second", "≥ 1.0"
        )
        yield from self._ratio(
            "250 rooms of 2",
            "node-storing",
            "all_cpu_us_per_send",
            "CPU a stored send, store and bus too",
            "",
        )
        yield from self._ratio("idle", "node", "kib_per_connection", "KiB a connection", "≤ 1.2")
        for figure, what, target in (
            ("connections_per_cpu_s", "connections accepted a CPU second", "≥ 0.5"),
            ("connections_per_all_cpu_s", "connections accepted a CPU second, store and bus too", ""),
        ):
            yield from self._ratio("idle", "node", figure, what, target)
        for name, sizes in (self.reads or {}).items():
            least, most = min(sizes), max(sizes)
            value = sizes[most]["wall_ms"] / sizes[least]["wall_ms"]
            yield Ratio(f"{name}: of {most:,} ÷ of {least:,}", value, "≤ 1.5")

    def text(self) -> str:
        """The whole table, in Markdown."""
        return "\n".join([*self._talking(), "", *self._quiet(), "", *self._growing(), "", *self._compared()])

    def write(self, folder: Path) -> None:
        """Write `delivery.json` and `delivery.md`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "delivery.json").write_text(json.dumps(self._json(), indent=1, ensure_ascii=False) + "\n")
        (folder / "delivery.md").write_text(self._page())

    def _ratio(self, scenario: str, other: str, figure: str, what: str, target: str) -> Iterator[Ratio]:
        ours, theirs = self.runs.get((scenario, "confab")), self.runs.get((scenario, other))
        if ours is not None and theirs is not None:
            value = ours[figure].median / theirs[figure].median
            yield Ratio(f"{scenario}, Confab ÷ {TITLES[other]}: {what}", value, target)

    def _talking(self) -> Iterator[str]:
        rows = []
        for (scenario, server), figures in self.runs.items():
            if "p50_ms" in figures:
                limit = " *" if figures["generator_share"].median > GENERATOR_LIMIT else ""
                cells = (_cell(figures[name]) for name, _ in COLUMNS)
                rows.append((f"{scenario}{limit}", TITLES[server], *cells))
        yield from table(("scenario", "server", *(title for _, title in COLUMNS)), rows, texts=2)
        yield ""
        yield "Medians of the repetitions, lowest to highest in brackets. Star: the generator was the limit."

    def _quiet(self) -> Iterator[str]:
        rows = (
            (scenario, TITLES[server], name.replace("_", " "), _cell(spread))
            for (scenario, server), figures in self.runs.items()
            if "p50_ms" not in figures
            for name, spread in figures.items()
        )
        return table(("scenario", "server", "figure", "value"), rows, texts=3)

    def _growing(self) -> Iterator[str]:
        for name, sizes in (self.reads or {}).items():
            rows = (
                (title, *(f"{one[figure]:.2f}" for one in sizes.values()))
                for figure, title in (("wall_ms", "ms"), ("store_cpu_ms", "store CPU ms"))
            )
            yield from table((f"{name} of 50, out of", *(f"{size:,}" for size in sizes)), rows)
            yield ""

    def _compared(self) -> Iterator[str]:
        rows = ((ratio.what, f"{ratio.value:.2f}", ratio.target) for ratio in self.ratios())
        return table(("ratio", "value", "wanted"), rows)

    def _page(self) -> str:
        machine = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        return (
            "# What delivery costs\n\n"
            "Written by `make bench`; what it measures and how to read it is in "
            "[the guide](README.md).\n\n"
            f"{self.measured_at:%Y-%m-%d}: {machine}; "
            f"{self.repetitions} repetitions of {self.seconds:g} s.\n\n"
            f"{self.text()}\n"
        )

    def _json(self) -> dict[str, object]:
        return {
            "measuredAt": self.measured_at.isoformat(timespec="seconds"),
            "machine": self.machine,
            "repetitions": self.repetitions,
            "seconds": self.seconds,
            "runs": [
                {
                    "scenario": scenario,
                    "server": server,
                    "figures": {k: asdict(v) for k, v in figures.items()},
                }
                for (scenario, server), figures in self.runs.items()
            ],
            "reads": self.reads,
            "ratios": [asdict(ratio) for ratio in self.ratios()],
        }


def machine() -> dict[str, str]:
    """What this was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=10)
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "Linux": platform.release(),
        "Python": platform.python_version(),
        "Node": node.stdout.strip().removeprefix("v"),
    }


def _cell(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_number(spread.low)} to {_number(spread.high)})"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
